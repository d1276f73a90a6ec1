"""The stages of a program: a layer with the squashing function behind it, and the arrays it works on.

A stage makes its output ``y`` and adds to the program what computes it; ``backward(program, d, needed)`` adds the way
back from d = dL/d(what the stage's squashing function is applied to), and returns the same for the stage before it: its
own array dx, or None where ``needed`` says that nobody wants it.
"""

import copy

from minicnn.compiled.primitives import Connections, Window
from minicnn.layers import (
    RBF,
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    ScaledTanh,
    Sigmoid,
    Subsampling,
    Tanh,
)


def squashing(layer):
    """(A, S) of a layer that is f(a) = A tanh(S a), None for any other."""
    if kind_of(layer) is not Activation:
        return None
    return {ScaledTanh: (ScaledTanh.A, ScaledTanh.S), Tanh: (1.0, 1.0)}.get(type(layer))


class Stage:
    """What the stages share. squash: the function behind this layer; before: the one that made x."""

    trains = False
    """Whether it has parameters, so that a gradient must come this far back."""

    def __init__(self, program, layer, x, squash, before):
        self.layer, self.x, self.squash, self.before = layer, x, squash, before
        self.y = program.array((*self.output_shape(), x.shape[-1]))
        self.forward(program)


class Convolution(Stage):
    """Conv2d; where its kernel covers the whole image, as C5's, it is a fully connected layer."""

    trains = True

    def output_shape(self):
        conv, maps = self.layer, self.layer.out_channels
        self.window = Window(conv.kernel_size, conv.stride, conv.padding)
        sizes = self.window.outputs(*self.x.shape[1:3])
        if min(sizes) < 1:
            raise ValueError(f"{conv.label}: x of shape {tuple(self.x.shape)} is smaller than the kernel")
        table = conv.table or [range(conv.in_channels)] * maps
        pairs = tuple((o, c) for o, inputs in enumerate(table) for c in inputs)
        self.connections = Connections(maps, conv.in_channels, pairs)
        self.covers = conv.table is None and conv.padding == (0, 0) and conv.kernel_size == self.x.shape[1:3]
        return maps, *sizes

    def forward(self, program):
        weight, bias = self.layer.weight.value, self.layer.bias and self.layer.bias.value
        if self.covers:
            maps, samples = self.layer.out_channels, self.x.shape[-1]
            self.vectors = self.x.reshape(-1, samples), self.y.reshape(maps, samples)
            self.weights = weight.reshape(maps, -1)
            program.add("dense", self.vectors[0], self.weights, bias, self.squash, self.vectors[1])
        else:
            self.weights = weight.reshape(-1, *self.layer.kernel_size)
            how = self.window, self.connections, self.squash
            program.add("convolution", self.x, self.weights, bias, *how, self.y)

    def backward(self, program, d, needed):
        dweights, dbias = program.gradient_of(self.layer.weight), program.gradient_of(self.layer.bias)
        dweights = dweights.reshape(self.weights.shape)
        if self.covers:
            dx = _dense_backward(program, d.reshape(len(d), -1), self, self.vectors[0], dweights, dbias, needed)
            return dx if dx is None else dx.reshape(self.x.shape)
        how = self.window, self.connections
        program.add("convolution_weight_gradient", d, self.x, *how, dweights, dbias)
        if not needed:
            return None
        dx = program.array(self.x.shape)
        program.add("convolution_input_gradient", d, self.weights, self.x, *how, self.before, dx)
        return dx


class Dense(Stage):
    """Linear."""

    trains = True

    def output_shape(self):
        return (self.layer.out_features,)

    def forward(self, program):
        self.weights, bias = self.layer.weight.value, self.layer.bias and self.layer.bias.value
        program.add("dense", self.x, self.weights, bias, self.squash, self.y)

    def backward(self, program, d, needed):
        gradients = program.gradient_of(self.layer.weight), program.gradient_of(self.layer.bias)
        return _dense_backward(program, d, self, self.x, *gradients, needed)


def _dense_backward(program, d, stage, x, dweights, dbias, needed):
    program.add("dense_weight_gradient", d, x, dweights, dbias)
    if not needed:
        return None
    dx = program.array(x.shape)
    program.add("dense_input_gradient", d, stage.weights, x, stage.before, dx)
    return dx


class Subsample(Stage):
    """Subsampling."""

    trains = True

    def output_shape(self):
        size, (maps, height, width, _) = self.layer.size, self.x.shape
        if height % size or width % size:
            raise ValueError(f"{self.layer.label}: height and width must be multiples of {size}, got {self.x.shape}")
        self.window = Window((size, size), (size, size))
        return maps, height // size, width // size

    def forward(self, program):
        coefficient, bias = self.layer.coefficient.value, self.layer.bias.value
        program.add("subsampling", self.x, coefficient, bias, self.window, self.squash, self.y)

    def backward(self, program, d, needed):
        dx = program.array(self.x.shape)
        gradients = program.gradient_of(self.layer.coefficient), program.gradient_of(self.layer.bias)
        how = self.layer.coefficient.value, self.window, self.before
        program.add("subsampling_backward", d, self.x, *how, dx, *gradients)
        return dx


class Pool(Stage):
    """MaxPool2d and AvgPool2d without padding, and GlobalAvgPool2d, whose one window is the map."""

    def output_shape(self):
        self.takes_mean = type(self.layer) is not MaxPool2d
        whole = type(self.layer) is GlobalAvgPool2d
        self.window = Window(*(2 * (self.x.shape[1:3],) if whole else (self.layer.size, self.layer.stride)))
        sizes = self.window.outputs(*self.x.shape[1:3])
        if min(sizes) < 1:
            raise ValueError(f"{self.layer.label}: x of shape {tuple(self.x.shape)} is smaller than the window")
        return len(self.x), *sizes

    def forward(self, program):
        if self.takes_mean:
            return program.add("avg_pool", self.x, self.window, self.y)
        self.winner = program.form.array(self.y.shape, program.form.places)
        program.add("max_pool", self.x, self.window, self.y, self.winner)

    def backward(self, program, d, needed):
        if not needed:
            return None
        dx = program.array(self.x.shape)
        if self.takes_mean:
            program.add("avg_pool_backward", d, self.window, dx)
        else:
            program.add("max_pool_backward", d, self.winner, self.window, dx)
        return dx


class Drop(Stage):
    """Dropout, by masks that are drawn ahead."""

    def output_shape(self):
        return self.x.shape[:-1]

    def forward(self, program):
        kept, first = program.masks.of(self.layer, self.x.shape)
        self.how = kept, program.position, first, self.layer.p
        program.add("dropout", self.x, *self.how, self.y)

    def backward(self, program, d, needed):
        if not needed:
            return None
        dx = program.array(self.x.shape)
        program.add("dropout_backward", d, *self.how, self.x, self.before, dx)
        return dx


class Activation(Stage):
    """A function of each element that no stage before it computes along."""

    def output_shape(self):
        return self.x.shape[:-1]

    def forward(self, program):
        squash = squashing(self.layer)
        self.function = ("tanh", *squash) if squash else FUNCTIONS[type(self.layer)](self.layer)
        program.add("activation", self.x, self.function, self.y)

    def backward(self, program, d, needed):
        if not needed:
            return None
        dx = program.array(self.x.shape)
        program.add("activation_backward", d, self.y, self.function, dx)
        return dx


class Distances(Stage):
    """RBF, where the criterion does not take it along."""

    def output_shape(self):
        return (len(self.layer.prototypes),)

    def forward(self, program):
        program.add("squared_distances", self.x, self.layer.prototypes, self.y)

    def backward(self, program, d, needed):
        if not needed:
            return None
        dx = program.array(self.x.shape)
        program.add("squared_distances_backward", d, self.x, self.layer.prototypes, self.before, dx)
        return dx


class Reshape(Stage):
    """Flatten: the same memory, seen as vectors."""

    def __init__(self, program, layer, x, squash, before):
        self.x, self.y = x, x.reshape(-1, x.shape[-1])

    def backward(self, program, d, needed):
        return d.reshape(self.x.shape) if needed else None


class Unknown(Stage):
    """A layer by its own forward and backward, on the whole batch: a user's own, or one that no kernel computes."""

    trains = True

    def output_shape(self):
        probe = copy.deepcopy(self.layer)  # what the layer keeps and draws is not touched
        y = probe.forward(0 * self.x)
        if getattr(y, "dtype", None) != self.x.dtype or y.shape[-1:] != self.x.shape[-1:]:
            what = f"{y.dtype} {tuple(y.shape)}" if hasattr(y, "dtype") else type(y).__name__
            raise TypeError(
                f"{self.layer.label}: forward must return a {self.x.dtype} array whose last axis is the "
                f"{self.x.shape[-1]} samples of x, got {what}"
            )
        return y.shape[:-1]

    def forward(self, program):
        program.join("forward", self.layer, self.x, self.y)

    def backward(self, program, d, needed):
        dx = program.array(self.x.shape)
        program.join("backward", self.layer, d, dx)
        return dx


FUNCTIONS = {
    Sigmoid: lambda layer: ("sigmoid",), ReLU: lambda layer: ("relu",),
    LeakyReLU: lambda layer: ("leaky_relu", layer.negative_slope),
}  # fmt: skip
"""What ``primitives.activation`` calls them."""

KINDS = {
    Conv2d: Convolution, Linear: Dense, Subsampling: Subsample, MaxPool2d: Pool, AvgPool2d: Pool,
    GlobalAvgPool2d: Pool, Dropout: Drop, RBF: Distances, ReLU: Activation, LeakyReLU: Activation, Tanh: Activation,
    Sigmoid: Activation, ScaledTanh: Activation, Flatten: Reshape,
}  # fmt: skip
"""The layers that the compiler knows; a class derived from one of them may do something else, so it is not known."""


def kind_of(layer):
    """The kind of stage that computes the layer; Unknown also where it is set to what the kernels cannot do."""
    if {"forward", "backward"} & set(vars(layer)):  # replaced in this one layer
        return Unknown
    dilated = getattr(layer, "dilation", (1, 1)) != (1, 1)
    framed = type(layer) in (MaxPool2d, AvgPool2d) and (layer.padding != (0, 0) or layer.ceil_mode)
    return Unknown if dilated or framed else KINDS.get(type(layer), Unknown)
