"""Two-dimensional convolution by im2col: one matrix product forward, two backward."""

import numpy as np

from minicnn.backend import output_size
from minicnn.initialisers import Initialiser, uniform_fan_in
from minicnn.layers.base import Layer
from minicnn.layers.checks import Connections, connection_table, floating, group_table, pair, positive
from minicnn.layers.parameter import Parameter
from minicnn.typing import Array, DType, Pair, Seed, Shape


class Conv2d(Layer):
    """y[o, h, w] = bias[o] + sum over c, ky, kx of weight[o, c, ky, kx] · x[c, h·s + ky·d - p, w·s + kx·d - p].

    (The field's "convolution": the kernel is not flipped.) Stride s, dilation d, padding p. Shapes: x
    ``(C_in, H, W, N)`` -> y ``(C_out, H_out, W_out, N)`` with H_out = (H + 2p - d (kernel_size - 1) - 1) // s + 1.

    ``im2col`` writes what each window sees into a column, and the layer is a linear one on columns. With W the
    weight seen as ``(C_out, C_in·KH·KW)``, y and dy as ``(C_out, H_out·W_out·N)``:

        forward    cols = im2col(x)            y = W cols + b
        backward   dW = dy cols^T              db = the sum of dy's columns      dx = col2im(W^T dy)

    and the second derivatives of the loss go the same way with W and cols squared by element. A weight's own are
    thereby summed over all the connections that share it (LeCun et al. 1998, appendix C).

    connections: for each output map the input maps it reads, as in Table I of LeCun et al. 1998 (section
    II.B); None connects all. ``weight`` is then ``(pairs, KH, KW)``, one kernel for each connected pair in
    table order, so that what is not connected has no parameter; else ``(C_out, C_in, KH, KW)``.
    ``dense_weight()`` is the second form in either case.

    groups: the table that cuts both kinds of maps into as many equal groups and connects each group of outputs with
    its own group of inputs alone. ``weight`` is then ``(C_out, C_in/groups, KH, KW)``, as PyTorch has it.

    kernel_size, stride, padding, dilation: an integer or a pair (vertical, horizontal). Raises ValueError or
    TypeError for sizes that make no sense, for groups beside connections, and for x of another shape or dtype.

    >>> mc.Conv2d(1, 6, 5).forward(np.zeros((1, 32, 32, 8), "float32")).shape
    (6, 28, 28, 8)
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0,
                 dilation: Pair = 1, groups: int = 1, connections: Connections | None = None, bias: bool = True,
                 init: Initialiser = uniform_fan_in, rng: Seed = None, dtype: DType = "float32") -> None:  # fmt: skip
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.out_channels = positive("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride, self.padding = pair("stride", stride), pair("padding", padding, minimum=0)
        self.dilation, self.groups = pair("dilation", dilation), positive("groups", groups)
        self.window = self.kernel_size, self.stride, self.padding, self.dilation
        self.table = None if connections is None else connection_table(connections, in_channels, out_channels)
        if self.groups > 1:
            self.table = group_table(self.groups, connections, self.in_channels, self.out_channels)

        rng, dtype, area = np.random.default_rng(rng), floating(dtype), self.kernel_size[0] * self.kernel_size[1]
        inputs = self.table or [[*range(self.in_channels)]] * self.out_channels
        kernels = np.concatenate([init(rng, (len(maps), *self.kernel_size), area * len(maps)) for maps in inputs])
        offsets = np.concatenate([init(rng, (1,), area * len(maps)) for maps in inputs])
        if connections is None:
            kernels = kernels.reshape(self.out_channels, -1, *self.kernel_size)
        if self.table is not None:
            self.pairs = np.array([(o, c) for o, maps in enumerate(self.table) for c in maps]).T
            self.constants = ("pairs",)
        self.weight = Parameter(kernels.astype(dtype), "weight")
        self.bias = Parameter(offsets.astype(dtype), "bias") if bias else None
        self.y_shape: Shape | None = None

    def forward(self, x: Array) -> Array:
        """``(C_in, H, W, N)`` -> ``(C_out, H_out, W_out, N)``."""
        self._check_input(x, self.in_channels, "H", "W", "N")
        self.x_shape, self.y_shape = x.shape, self._output_shape(x.shape)
        self.cols = self.backend.im2col(x, *self.window)
        y = self.W() @ self.cols
        if self.bias:
            y = y + self.bias.value[:, None]
        return y.reshape(self.y_shape)

    def backward(self, dy: Array) -> Array:
        """``(C_out, H_out, W_out, N)`` -> ``(C_in, H, W, N)``."""
        self._check_gradient(dy, self.y_shape)
        dy = dy.reshape(self.out_channels, -1)
        self.weight.grad = self.kernels(dy @ self.cols.T)
        if self.bias:
            self.bias.grad = dy.sum(axis=1)
        return self.backend.col2im(self.W().T @ dy, self.x_shape, *self.window)

    def second_backward(self, d2y: Array) -> Array:
        """``(C_out, H_out, W_out, N)`` -> ``(C_in, H, W, N)``."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        d2y = d2y.reshape(self.out_channels, -1)
        self.weight.curvature = self.kernels(d2y @ (self.cols**2).T)
        if self.bias:
            self.bias.curvature = d2y.sum(axis=1)
        return self.backend.col2im((self.W() ** 2).T @ d2y, self.x_shape, *self.window)

    def W(self) -> Array:
        """The weight seen as a matrix ``(C_out, C_in·KH·KW)``: a column of it for a row of cols."""
        return self.dense_weight().reshape(self.out_channels, -1)

    def dense_weight(self) -> Array:
        """The weights as ``(C_out, C_in, KH, KW)``, zero where two maps are not connected."""
        if self.table is None:
            return self.weight.value
        shape = self.out_channels, self.in_channels, *self.kernel_size
        dense = self.backend.xp.zeros(shape, self.weight.value.dtype)
        dense[tuple(self.pairs)] = self.weight.value.reshape(-1, *self.kernel_size)
        return dense

    def kernels(self, W: Array) -> Array:
        """A matrix like W in the shape of ``weight``: what is not connected is left out."""
        dense = W.reshape(self.out_channels, self.in_channels, *self.kernel_size)
        return dense if self.table is None else dense[tuple(self.pairs)].reshape(self.weight.shape)

    # ------------------------------------------------------------------------------- shapes and their words

    def _output_shape(self, x_shape: Shape) -> Shape:
        h_out, w_out = (output_size(*numbers) for numbers in zip(x_shape[1:3], *self.window))
        if h_out < 1 or w_out < 1:
            kernel = "x".join(map(str, self.kernel_size))
            dilated = "" if self.dilation == (1, 1) else f", dilation {'x'.join(map(str, self.dilation))}"
            raise ValueError(f"{self.label}: x of shape {tuple(x_shape)} is smaller than the {kernel} kernel{dilated}")
        return self.out_channels, h_out, w_out, x_shape[3]

    def describe(self) -> str:
        text = f"convolution {'x'.join(map(str, self.kernel_size))}, {self.out_channels} maps"
        if self.table is None:
            return text
        if self.groups > 1:
            return f"{text} in {self.groups} groups"
        return f"{text}, {sum(map(len, self.table))} of {self.in_channels * self.out_channels} pairs connected"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        """(fan-in + 1) for every output pixel."""
        per_pixel = sum(p.size for p in self.parameters())
        return per_pixel * output_shape[1] * output_shape[2]
