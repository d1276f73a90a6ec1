"""Two-dimensional convolution by im2col: one matrix product forward, two backward."""

import numpy as np

from minicnn.backend import output_size
from minicnn.initialisers import uniform_fan_in
from minicnn.layers.base import Layer, floating, pair, positive
from minicnn.layers.parameter import Parameter


class Conv2d(Layer):
    """y[o, h, w] = bias[o] + sum over c, ky, kx of weight[o, c, ky, kx] · x[c, h·s + ky - p, w·s + kx - p].

    (The field's "convolution": the kernel is not flipped.) Shapes: x ``(C_in, H, W, N)`` -> y
    ``(C_out, H_out, W_out, N)`` with H_out = (H + 2 padding - kernel_size) // stride + 1.

    ``im2col`` copies the receptive fields into columns, one matrix for each row h of outputs, and the layer
    is a linear one on them:

        forward    y[:, h] = W cols[h] + b
        backward   dW = sum_h dy[:, h] cols[h]^T,   db = sum dy,   dcols[h] = W^T dy[:, h],   dx = col2im(dcols)

    and the second derivatives of the loss go the same way with W and cols squared by element. A weight's own are
    thereby summed over all the connections that share it (appendix C).

    connections: for each output map the input maps it reads, as in Table I of LeCun et al. 1998 (section
    II.B); None connects all. ``weight`` is then ``(pairs, KH, KW)``, one kernel for each connected pair in
    table order, so that what is not connected has no parameter; else ``(C_out, C_in, KH, KW)``.
    ``dense_weight()`` is the second form in either case.

    kernel_size, stride, padding: an integer or a pair (vertical, horizontal). Raises ValueError or TypeError
    for sizes that make no sense and for x of another shape or dtype.
    """

    def __init__(self, in_channels, out_channels, kernel_size, *, stride=1, padding=0, connections=None,
                 bias=True, init=uniform_fan_in, rng=None, dtype="float32"):  # fmt: skip
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.out_channels = positive("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride, self.padding = pair("stride", stride), pair("padding", padding, minimum=0)
        self.table = None if connections is None else self._checked(connections)
        self.cols = None

        rng, area = np.random.default_rng(rng), self.kernel_size[0] * self.kernel_size[1]
        inputs = self.table or [range(self.in_channels)] * self.out_channels
        weight = np.concatenate([init(rng, (len(maps), *self.kernel_size), area * len(maps)) for maps in inputs])
        offset = np.concatenate([init(rng, (1,), area * len(maps)) for maps in inputs])
        if self.table is None:  # in memory (o, ky, c, kx): the order of im2col's rows, so that W is a view
            weight = weight.reshape(self.out_channels, self.in_channels, *self.kernel_size)
            self.weight = Parameter(weight.astype(floating(dtype)), "weight", memory_order=(0, 2, 1, 3))
        else:
            self.places = self._places_in_matrix()
            self.constants = ("places",)
            self.weight = Parameter(weight.astype(floating(dtype)), "weight")
        self.bias = Parameter(offset.astype(floating(dtype)), "bias") if bias else None

    def forward(self, x):
        self._check_input(x, self.in_channels, "H", "W", "N")
        self.x_shape, self.y_shape = x.shape, self._y_shape(x.shape)
        self.cols = self.backend.im2col(x, self.kernel_size, self.stride, self.padding)
        self.W = self._weight_matrix()
        y = self.backend.empty(self.y_shape, x.dtype)
        self.backend.xp.matmul(self.W, self.cols, out=self._rows(y))
        if self.bias:
            y += self.bias.value[:, None, None, None]
        return y

    def backward(self, dy):
        self._check_gradient(dy, None if self.cols is None else self.y_shape)
        dy_rows = self._rows(dy)
        self._write_weight_gradient(dy_rows, self.cols)  # dW = sum_h dy[:, h] cols[h]^T
        if self.bias:
            self.backend.map_sums(dy, out=self.bias.grad)
        if self.needs_input_gradient:
            return self._input_gradient(self.W, dy_rows)  # dx = col2im(W^T dy)

    def second_backward(self, d2y):
        d2y_rows, dtype = self._rows(d2y), self.weight.value.dtype
        d2W = self.backend.sum_of_products(d2y_rows, self.cols**2, out=self.backend.empty(self._matrix_shape(), dtype))
        self.weight.curvature = self._as_weight(d2W)
        if self.bias:
            self.bias.curvature = d2y.sum(axis=(1, 2, 3))
        if self.needs_input_gradient:
            return self._input_gradient(self.W**2, d2y_rows)

    def _input_gradient(self, W, dy_rows):
        geometry = self.x_shape, self.kernel_size, self.stride, self.padding
        return self.backend.conv_input_gradient(W, dy_rows, *geometry)

    def parameters(self):
        return [self.weight, self.bias] if self.bias else [self.weight]

    # ------------------------------------------------------------------------- between weights and matrix

    def _weight_matrix(self):
        """The weights as W ``(C_out, KH·C_in·KW)``, its columns in the order of im2col's rows (ky, c, kx)."""
        if self.table is None:
            return self._as_matrix(self.weight.value)
        W = self.backend.empty(self._matrix_shape(), self.weight.value.dtype)
        W[...] = 0
        W.reshape(-1)[self.places] = self.weight.value
        return W

    def _write_weight_gradient(self, dy_rows, cols):
        """dW of the same shape and order as W, straight into ``weight.grad`` where that is a view of it."""
        if self.table is None:
            self.backend.sum_of_products(dy_rows, cols, out=self._as_matrix(self.weight.grad))
        else:
            dW = self.backend.empty(self._matrix_shape(), dy_rows.dtype)
            self.backend.sum_of_products(dy_rows, cols, out=dW)
            self.weight.grad = self._as_weight(dW)

    def _as_matrix(self, weight):
        """weight ``(C_out, C_in, KH, KW)`` seen as W."""
        return weight.swapaxes(1, 2).reshape(self._matrix_shape())

    def _as_weight(self, W):
        """W in the shape of ``weight``, without what is not connected."""
        return self._dense(W) if self.table is None else W.reshape(-1)[self.places]

    def _dense(self, W):
        """W seen as ``(C_out, C_in, KH, KW)``."""
        (kh, kw), maps = self.kernel_size, (self.out_channels, self.in_channels)
        return W.reshape(maps[0], kh, maps[1], kw).swapaxes(1, 2)

    def _matrix_shape(self):
        return self.out_channels, self.kernel_size[0] * self.in_channels * self.kernel_size[1]

    def _places_in_matrix(self):
        """Where in W (flattened) each element of the connected kernels ``(pairs, KH, KW)`` stands."""
        places = np.arange(np.prod(self._matrix_shape()))
        places = places.reshape(self.out_channels, self.kernel_size[0], self.in_channels, self.kernel_size[1])
        return np.concatenate([places[o][:, maps].swapaxes(0, 1) for o, maps in enumerate(self.table)])

    def dense_weight(self):
        """The weights as ``(C_out, C_in, KH, KW)``, zero where two maps are not connected."""
        return self._dense(self._weight_matrix())

    def _rows(self, y):
        """y ``(C_out, H_out, W_out, N)`` seen as one matrix ``(C_out, W_out·N)`` for each row of outputs."""
        return y.reshape(*y.shape[:2], -1).swapaxes(0, 1)

    # ------------------------------------------------------------------------------- shapes and their words

    def _y_shape(self, x_shape):
        sizes = zip(x_shape[1:3], self.kernel_size, self.stride, self.padding)
        h_out, w_out = (output_size(*numbers) for numbers in sizes)
        if h_out < 1 or w_out < 1:
            kernel = "x".join(map(str, self.kernel_size))
            raise ValueError(f"{self.label}: x of shape {tuple(x_shape)} is smaller than the {kernel} kernel")
        return self.out_channels, h_out, w_out, x_shape[3]

    def _checked(self, connections):
        try:
            table = [[positive(f"connections[{o}]", c, 0) for c in maps] for o, maps in enumerate(connections)]
        except TypeError as error:
            raise TypeError(f"connections must list integers for each output map: {error}") from None
        if len(table) != self.out_channels:
            raise ValueError(f"connections must list {self.out_channels} output maps, got {len(table)}")
        for o, maps in enumerate(table):
            if not maps or len(set(maps)) < len(maps) or not set(maps) <= set(range(self.in_channels)):
                raise ValueError(
                    f"connections[{o}] must name distinct input maps from 0 to {self.in_channels - 1}, got {maps}"
                )
        return table

    def describe(self):
        text = f"convolution {'x'.join(map(str, self.kernel_size))}, {self.out_channels} maps"
        if self.table is None:
            return text
        return f"{text}, {sum(map(len, self.table))} of {self.in_channels * self.out_channels} pairs connected"

    def connections(self, input_shape, output_shape):
        """(fan-in + 1) for every output pixel."""
        per_pixel = sum(p.size for p in self.parameters())
        return per_pixel * output_shape[1] * output_shape[2]
