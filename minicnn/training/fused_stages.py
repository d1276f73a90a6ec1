"""The stages of a FusedStep: a layer with the squashing function behind it, and the arrays it works on.

    forward(x) -> y      y, an array of the stage's own, holds the result
    backward(d) -> dx    d = dL/d(what the stage's squashing function is applied to); dx is the same for the stage
                         before, None for the first stage. Gradients of parameters go into ``partial``, as sums over
                         parts of the batch that ``gradient_sums`` adds up.
"""

import numpy as np

from minicnn.backend import output_size


class Stage:
    """What the fused stages share. squash: the function behind this layer; before: the one that made x."""

    partial_shape, partial_size = (), 0

    def __init__(self, layer, x, y_shape, before, first):
        self.layer, self.backend = layer, layer.backend
        self.squash, self.before, self.first = None, before, first
        self.y = self.backend.xp.empty(y_shape, x.dtype)
        self.dx = None if first else self.backend.xp.empty(x.shape, x.dtype)

    def _has_partial(self, *shape):
        """FusedStep makes ``partial``, of this shape: the first axis counts the parts."""
        self.partial_shape, self.partial_size = shape, int(np.prod(shape))


class Convolution(Stage):
    """Conv2d, without im2col's matrix in memory."""

    def __init__(self, conv, x, before, first):
        self.geometry = conv.kernel_size, conv.stride, conv.padding
        sizes = [output_size(x.shape[1 + i], *(numbers[i] for numbers in self.geometry)) for i in (0, 1)]
        if min(sizes) < 1:
            raise ValueError(f"{conv.label}: x of shape {tuple(x.shape)} is smaller than the kernel")
        super().__init__(conv, x, (conv.out_channels, *sizes, x.shape[3]), before, first)
        self.depth = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
        columns = self.y.size // conv.out_channels
        parts = self.backend.weight_gradient_parts(conv.out_channels, self.depth, columns)
        self._has_partial(parts, conv.out_channels, self.depth + 1)
        self.in_matrix, self.places = self._places(conv)

    def _places(self, conv):
        """Where in W (row by row) each weight stands, and the other way round: places, None without a table."""
        if conv.table is None:
            return np.arange(conv.out_channels * self.depth), None
        in_matrix = conv.backend.to_numpy(conv.places).reshape(-1)
        places = np.full(conv.out_channels * self.depth, -1, np.int32)
        places[in_matrix] = np.arange(len(in_matrix))
        return in_matrix, conv.backend.asarray(places.reshape(conv.out_channels, self.depth))

    def forward(self, x):
        self.x, bias = x, self.layer.bias and self.layer.bias.value
        weights = self.layer.weight.flat_value
        self.backend.convolution(x, weights, self.places, bias, self.geometry, self.squash, out=self.y)
        return self.y

    def backward(self, d):
        self.backend.weight_gradient(d, self.x, self.geometry, out=self.partial)
        if not self.first:
            weights = self.layer.weight.flat_value
            self.backend.convolution_input_gradient(
                d, weights, self.places, self.x, self.geometry, self.before, out=self.dx
            )
        return self.dx

    def positions(self):
        """(parameter, where in the first part of ``partial`` each of its elements has its sum)."""
        yield self.layer.weight, self.in_matrix // self.depth * (self.depth + 1) + self.in_matrix % self.depth
        if self.layer.bias:
            yield self.layer.bias, np.arange(1, self.layer.out_channels + 1) * (self.depth + 1) - 1


class Dense(Stage):
    """Linear."""

    def __init__(self, linear, x, before, first):
        super().__init__(linear, x, (linear.out_features, x.shape[1]), before, first)
        self.depth = linear.in_features
        parts = self.backend.weight_gradient_parts(linear.out_features, self.depth, x.shape[1])
        self._has_partial(parts, linear.out_features, self.depth + 1)

    def forward(self, x):
        self.x, bias = x, self.layer.bias and self.layer.bias.value
        self.backend.dense(x, self.layer.weight.flat_value, bias, self.squash, out=self.y)
        return self.y

    def backward(self, d):
        pixels, geometry = (1, 1), ((1, 1), (1, 1), (0, 0))  # as a convolution on images of one pixel
        d_map, x_map = (a.reshape(len(a), *pixels, -1) for a in (d, self.x))
        self.backend.weight_gradient(d_map, x_map, geometry, out=self.partial)
        if not self.first:
            self.backend.dense_input_gradient(d, self.layer.weight.flat_value, self.x, self.before, out=self.dx)
        return self.dx

    def positions(self):
        rows = np.arange(self.layer.out_features)[:, None] * (self.depth + 1)
        yield self.layer.weight, (rows + np.arange(self.depth)).reshape(-1)
        if self.layer.bias:
            yield self.layer.bias, rows[:, 0] + self.depth


class Subsample(Stage):
    """Subsampling."""

    def __init__(self, layer, x, before, first):
        maps, height, width, count = x.shape
        if height % layer.size or width % layer.size:
            raise ValueError(f"{layer.label}: height and width must be multiples of {layer.size}, got {x.shape}")
        super().__init__(layer, x, (maps, height // layer.size, width // layer.size, count), before, False)
        self._has_partial(self.backend.subsampling_parts(maps, self.y.size // maps), 2, maps)
        self.window = (layer.size, layer.size)

    def forward(self, x):
        self.x = x
        coefficient, bias = self.layer.coefficient.value, self.layer.bias.value
        self.backend.subsampling(x, coefficient, bias, self.window, self.squash, out=self.y)
        return self.y

    def backward(self, d):
        coefficient, places = self.layer.coefficient.value, {"out": self.dx, "partial": self.partial}
        self.backend.subsampling_backward(d, self.x, coefficient, self.window, self.before, **places)
        return self.dx

    def positions(self):
        yield self.layer.coefficient, np.arange(self.layer.channels)
        yield self.layer.bias, self.layer.channels + np.arange(self.layer.channels)


class Reshape:
    """Flatten."""

    partial_size = 0

    def __init__(self, flatten, x):
        self.x_shape = x.shape
        self.y = x.reshape(-1, x.shape[-1])

    def forward(self, x):
        return x.reshape(self.y.shape)

    def backward(self, d):
        return None if d is None else d.reshape(self.x_shape)


class Ordinary:
    """Any other layer, by its own forward and backward, which write the gradients of its parameters themselves."""

    partial_size = 0

    def __init__(self, layer, x):
        self.layer = layer
        x[...] = 0
        self.y = layer.forward(x)

    def forward(self, x):
        return self.layer.forward(x)

    def backward(self, d):
        return self.layer.backward(d)
