"""One training step as a fixed sequence of fused primitives: what a captured graph replays.

``FusedStep`` walks a network once and turns its layers into stages that own their arrays. A stage computes a layer
and the squashing function behind it in one kernel; ``minicnn.backend.fused`` has the kernels' meaning. Every gradient
``d`` that passes between stages is one *before* the squashing function of the stage it goes to.
"""

import dataclasses

import numpy as np

from minicnn.data.transforms import Pixels
from minicnn.layers import (
    RBF,
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    ScaledTanh,
    Sigmoid,
    Subsampling,
    Tanh,
)
from minicnn.losses import CrossEntropyLoss, MAPLoss, RBFLoss
from minicnn.training.fused_stages import Convolution, Dense, Ordinary, Reshape, Subsample

FUSED = {Conv2d: Convolution, Linear: Dense, Subsampling: Subsample}

KNOWN = (MaxPool2d, AvgPool2d, ReLU, Tanh, Sigmoid, ScaledTanh, RBF)
"""Layers that do the same work at every step; of others nobody knows."""


def obstacle(network, loss):
    """Why the network cannot be trained by a FusedStep, in words; None if it can."""
    if type(network.preprocess) is not Pixels:
        return "the network's preprocess is not one of minicnn.data.transforms"
    for layer in network:
        if type(layer) not in (*FUSED, *KNOWN, Flatten):
            return f"{layer.label} is not one of minicnn's layers"
    if type(network.layers[-1]) is RBF:
        return None if type(loss) in (RBFLoss, MAPLoss) else f"{type(loss).__name__} after an RBF layer has no kernel"
    return None if type(loss) is CrossEntropyLoss else f"{type(loss).__name__} has no kernel"


class FusedStep:
    """The gradient of a batch of ``count`` samples: ``gather``, ``forward`` and ``backward``.

    network, loss: without an ``obstacle``. image_shape: (height, width) of the data set's bytes.
    """

    def __init__(self, network, loss, count, image_shape):
        self.backend, self.dtype = network.backend, network.dtype
        self.vector, xp = network.vector, network.backend.xp
        blank = np.zeros((1, *image_shape), np.uint8)
        _, high, wide, _ = network.preprocess(blank).shape
        self.x = xp.empty((1, high, wide, count), self.dtype)
        self.labels = xp.empty(count, np.int32)
        self.table = self.backend.asarray(pixel_values(network.preprocess, self.dtype))
        self.stages, squash = stages(network, loss, self.x)
        self.criterion = Criterion(network, loss, self.stages[-1].y if self.stages else self.x, squash)
        self.partial, self.tables = self._partial_sums(network.parameters())

    def gather(self, data):
        """Take the batch of the step that the counter stands at."""
        self.backend.gather_batch(data.images, data.labels, data.order, data.rates, data.step, self.table,
                                  data.batch_size, self.x, self.labels, data.settings)  # fmt: skip

    def forward_backward(self, data):
        """The batch's loss and errors into data's, its gradient into the network's vector."""
        x = self.x
        for stage in self.stages:
            x = stage.forward(x)
        d = self.criterion.run(x, self.labels, data)
        for stage in reversed(self.stages):
            d = stage.backward(d)
        if self.partial is not None:
            self.backend.gradient_sums(self.partial, *self.tables, out=self.vector.grads)

    def _partial_sums(self, parameters):
        """One array for all partial sums of gradients, and the tables that say where each parameter's lie."""
        total = sum(stage.partial_size for stage in self.stages)
        if total >= 2**31:
            raise ValueError(f"the partial sums of the gradients have {total:,} elements, more than 32 bits count")
        if not total:
            return None, None
        backend, begin, start = self.backend, {}, 0
        for p in parameters:
            begin[id(p)], start = start, start + p.size
        partial = backend.xp.empty(total, self.dtype)
        first, step, count = np.zeros((3, start), np.int32)
        offset = 0
        for stage in self.stages:
            if not stage.partial_size:
                continue
            stage.partial = partial[offset : offset + stage.partial_size].reshape(stage.partial_shape)
            for p, positions in stage.positions():
                here = slice(begin[id(p)], begin[id(p)] + p.size)
                first[here] = offset + positions
                count[here], step[here] = stage.partial_shape[0], stage.partial_size // stage.partial_shape[0]
            offset += stage.partial_size
        return partial, [backend.asarray(table) for table in (first, step, count)]


def stages(network, loss, x):
    """(stages, squash): the network's stages for inputs like x, and the squashing function before the criterion."""
    layers, made, squash = list(network), [], None
    if type(layers[-1]) is RBF:
        layers.pop()
    while layers:
        layer = layers.pop(0)
        if type(layer) is Flatten:
            stage = Reshape(layer, x)
        elif type(layer) in FUSED:
            following = layers.pop(0) if layers and _can_fuse(layers, network) else None
            stage = FUSED[type(layer)](layer, x, squash, first=not made)
            squash = stage.squash = following and (following.A, following.S)
        else:
            stage, squash = Ordinary(layer, x), None
        made.append(stage)
        x = stage.y
    return made, squash


def _can_fuse(layers, network):
    """Whether layers[0] squashes for a stage (or the RBF criterion) that goes back through it."""
    after = next((layer for layer in layers[1:] if type(layer) is not Flatten), None)
    takes_it_back = type(network.layers[-1]) is RBF if after is None else type(after) in FUSED
    return type(layers[0]) is ScaledTanh and takes_it_back


class Criterion:
    """The loss, the errors and the gradient that goes back, in one kernel."""

    def __init__(self, network, loss, x, squash):
        self.backend, self.squash = network.backend, squash
        self.d = self.backend.xp.empty(x.shape, x.dtype)
        self.scale = 1 / x.shape[-1] if loss.reduction == "mean" else 1
        self.prototypes = network.layers[-1].prototypes if type(network.layers[-1]) is RBF else None
        self.j = loss.j if type(loss) is MAPLoss else None
        if len(x.shape) != 2:
            raise ValueError(f"the network's outputs must have shape (classes, N), got {tuple(x.shape)}")

    def run(self, x, labels, data):
        places = self.d, data.losses, data.errors
        if self.prototypes is None:
            self.backend.cross_entropy(x, labels, data.step, self.scale, *places)
        else:
            self.backend.rbf_criterion(x, self.prototypes, labels, data.step, self.j, self.scale, self.squash, *places)
        return self.d


def pixel_values(preprocess, dtype):
    """What ``preprocess`` makes of each of the 256 bytes."""
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 1, 256)
    return dataclasses.replace(preprocess, size=None)(every_byte, dtype=dtype)[0, 0, :, 0]
