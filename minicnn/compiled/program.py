"""A network, its criterion and their way back as a fixed list of primitives over arrays made once.

``Program`` walks a network once. Every layer that the compiler knows becomes a stage, which owns its output and the
gradient of its input and says by which primitives they are computed; a squashing function is computed by the stage
before it. Every gradient ``d`` that passes between stages is one *before* the squashing function of the stage it goes
to. A ``form`` makes functions of no arguments out of primitives and arrays: in plain arrays, loops or CUDA.
"""

import copy
import dataclasses

import numpy as np

from minicnn.compiled.primitives import Connections, Window
from minicnn.data.transforms import Pixels
from minicnn.layers import (
    RBF,
    AvgPool2d,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    ScaledTanh,
    Sequential,
    Sigmoid,
    Subsampling,
    Tanh,
)
from minicnn.losses import CrossEntropyLoss, MAPLoss, RBFLoss


class Program:
    """What one part of a batch, ``samples`` images, goes through.

    ``sections`` are functions of no arguments, to be called in order. Between two of them the whole batch comes
    together, for a layer or criterion that the compiler does not know: ``joins[k]`` takes ``exits[k]`` of all parts
    after section k and fills ``entries[k]`` of all parts before section k + 1. Each join is (kind, layer), kind one of
    "preprocess", "forward", "loss", "backward".

    network: a Sequential; form: of the primitives; images, labels, order, position: see ``primitives.gather``;
    loss: None for prediction, whose outputs are then ``output``; gradient: a vector like the network's, which the
    parameters' gradients are added to; scale, result: see ``primitives.rbf_criterion``. Without ``bind`` the sections
    stay lists of what the form has prepared.

    Raises ValueError for shapes that do not fit, and for labels that the network has no output for.
    """

    def __init__(self, network, form, samples, images, labels, order, position,
                 loss=None, gradient=None, scale=None, result=None, bind=True):  # fmt: skip
        self.network, self.form, self.samples, self.gradient = network, form, samples, gradient
        self.sections, self.joins, self.exits, self.entries = [[]], [], [], []
        self.labels = form.array((samples,), np.int32)
        x = self._input(images, labels, order, position)
        stages = []
        layers, criterion = plan(network, loss)
        for kind, layer, squash, before in layers:
            stages.append(kind(self, layer, x, squash, before))
            x = stages[-1].y
        self.output = x
        if loss is not None:
            self._backward(stages, self._criterion(criterion, loss, x, labels, scale, result))
        if bind:
            self.sections = [form.sequence(section) for section in self.sections]

    def add(self, primitive, *arguments):
        """The next primitive of the list, bound to its arrays."""
        self.sections[-1] += self.form.prepare(primitive, *arguments)

    def join(self, kind, layer, leaves, enters):
        """What the compiler does not know, between ``leaves`` and ``enters``, arrays of this part."""
        self.joins.append((kind, layer))
        self.exits.append(leaves)
        self.entries.append(enters)
        self.sections.append([])

    def array(self, shape):
        return self.form.array(shape, self.network.dtype)

    def gradient_of(self, parameter):
        """The parameter's stretch of the gradient, in its shape; None for None."""
        if parameter is None:
            return None
        start = 0
        for p in self.network.parameters():
            if p is parameter:
                return self.gradient[start : start + p.size].reshape(p.shape)
            start += p.size
        raise ValueError(f"{parameter.name} is not a parameter of the network")

    def _input(self, images, labels, order, position):
        blank = images[..., :1] if images.ndim == 4 else np.zeros((1, *images.shape[1:]), np.uint8)
        one = self.network.input(blank)
        x = self.array((*one.shape[:-1], self.samples))
        if _gathers(self.network, images):
            x[...] = one
            table = self.form.asarray(pixel_values(self.network.preprocess, self.network.dtype))
            self.add("gather", images, labels, order, position, table, x, self.labels)
        else:
            self.join("preprocess", None, None, x)
        return x

    def _criterion(self, known, loss, x, labels, scale, result):
        """The gradient that goes back to the last stage."""
        d = self.array(x.shape)
        if known is not None:
            if len(x.shape) != 2:
                raise ValueError(f"the network's outputs must have shape (classes, N), got {(*x.shape[:-1], 'N')}")
            classes = len(x if known == "cross_entropy" else known[0].prototypes)
            if int(labels.max()) >= classes:
                raise ValueError(f"labels must lie in 0..{classes - 1}, got {int(labels.max())}")
        if known is None:
            self.join("loss", loss, x, d)
        elif known == "cross_entropy":
            self.add("cross_entropy", x, self.labels, scale, d, result)
        else:
            layer, squash = known
            j = loss.j if type(loss) is MAPLoss else None
            self.add("rbf_criterion", x, layer.prototypes, self.labels, j, scale, squash, d, result)
        return d

    def _backward(self, stages, d):
        trains = [stage.trains for stage in stages]
        for index in reversed(range(len(stages))):
            d = stages[index].backward(self, d, any(trains[:index]))
            if d is None:
                return


def plan(network, loss):
    """(layers, criterion): [(kind of stage, layer, the squashing function behind it, that before it), ...].

    criterion is "cross_entropy", (the RBF layer, the squashing function before it), or None where the loss goes by its
    own methods or there is none.
    """
    layers, planned, before, criterion = list(_flat(network)), [], None, None
    if type(layers[-1]) is RBF and type(loss) in (RBFLoss, MAPLoss):
        criterion, layers = layers[-1], layers[:-1]
    elif type(loss) is CrossEntropyLoss and type(layers[-1]).decide is Layer.decide:  # the largest logit wins
        criterion = "cross_entropy"
    while layers:
        layer, squash = layers.pop(0), None
        kind = KINDS.get(type(layer), Unknown)
        if kind in (Convolution, Dense, Subsample) and _can_fuse(layers, criterion, loss):
            squash = _squash(layers.pop(0))
        planned.append((kind, layer, squash, before))
        before = squash if kind is not Reshape else before
    return planned, (criterion, before) if type(criterion) is RBF else criterion


def needs_whole_batch(network, loss, images):
    """Whether something is not the compiler's, so that the parts of a batch come together within a step."""
    layers, criterion = plan(network, loss)
    known = all(kind is not Unknown for kind, *_ in layers) and (loss is None or criterion is not None)
    return not (known and _gathers(network, images))


def _gathers(network, images):
    """Whether a table says what becomes of each byte."""
    return images.ndim == 3 and images.dtype == np.uint8 and type(network.preprocess) is Pixels


def _flat(network):
    """The layers of a network, those of networks inside it one by one."""
    for layer in network:
        if isinstance(layer, Sequential) and type(layer).forward is Sequential.forward:
            yield from _flat(layer)
        else:
            yield layer


def _can_fuse(layers, criterion, loss):
    """Whether layers[0] squashes for the stage before it: where a gradient comes back, it must come through f."""
    if not layers or _squash(layers[0]) is None:
        return False
    after = next((layer for layer in layers[1:] if type(layer) is not Flatten), None)
    takes_it_back = type(criterion) is RBF if after is None else type(after) in (Conv2d, Linear, Subsampling, RBF)
    return loss is None or takes_it_back


def _squash(layer):
    return {ScaledTanh: (ScaledTanh.A, ScaledTanh.S), Tanh: (1.0, 1.0)}.get(type(layer))


def pixel_values(preprocess, dtype):
    """What ``preprocess`` makes of each of the 256 bytes."""
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 1, 256)
    return dataclasses.replace(preprocess, size=None)(every_byte, dtype=dtype)[0, 0, :, 0]


# ------------------------------------------------------------------------------------------------- the stages


class Stage:
    """A layer and the squashing function behind it. Its way back returns dL/dx, or None where nobody needs it."""

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
    """MaxPool2d and AvgPool2d."""

    def output_shape(self):
        self.window = Window(self.layer.size, self.layer.stride)
        sizes = self.window.outputs(*self.x.shape[1:3])
        if min(sizes) < 1:
            raise ValueError(f"{self.layer.label}: x of shape {tuple(self.x.shape)} is smaller than the window")
        return len(self.x), *sizes

    def forward(self, program):
        if type(self.layer) is AvgPool2d:
            return program.add("avg_pool", self.x, self.window, self.y)
        self.winner = program.form.array(self.y.shape, np.int32)
        program.add("max_pool", self.x, self.window, self.y, self.winner)

    def backward(self, program, d, needed):
        if not needed:
            return None
        dx = program.array(self.x.shape)
        if type(self.layer) is AvgPool2d:
            program.add("avg_pool_backward", d, self.window, dx)
        else:
            program.add("max_pool_backward", d, self.winner, self.window, dx)
        return dx


class Activation(Stage):
    """A function of each element that no stage before it computes along."""

    def output_shape(self):
        return self.x.shape[:-1]

    def forward(self, program):
        squash = _squash(self.layer)
        self.function = ("tanh", *squash) if squash else (type(self.layer).__name__.lower(),)
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
    """A layer of the user's own, by its own forward and backward, on the whole batch."""

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


KINDS = {
    Conv2d: Convolution, Linear: Dense, Subsampling: Subsample, MaxPool2d: Pool, AvgPool2d: Pool, RBF: Distances,
    ReLU: Activation, Tanh: Activation, Sigmoid: Activation, ScaledTanh: Activation, Flatten: Reshape,
}  # fmt: skip
"""The layers that the compiler knows; a class derived from one of them may do something else, so it is not known."""
