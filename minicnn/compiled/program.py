"""A network, its criterion and their way back as a fixed list of primitives over arrays made once.

``Program`` walks a network once. Every layer that the compiler knows becomes a stage, which owns its output and the
gradient of its input and says by which primitives they are computed; a squashing function is computed by the stage
before it. Every gradient ``d`` that passes between stages is one *before* the squashing function of the stage it goes
to. A ``form`` makes functions of no arguments out of primitives and arrays: in plain arrays, loops or CUDA.
"""

import dataclasses
import itertools

import numpy as np

from minicnn.compiled.stages import (
    Convolution,
    Dense,
    Distances,
    Drop,
    Reshape,
    Subsample,
    Unknown,
    kind_of,
    squashing,
)
from minicnn.data.transforms import Pixels
from minicnn.layers import RBF, Dropout, Flatten, Layer, Sequential
from minicnn.losses import CrossEntropyLoss, MAPLoss, RBFLoss


class Program:
    """What one part of a batch, ``samples`` images, goes through.

    ``sections`` are functions of no arguments, to be called in order. Between two of them the whole batch comes
    together, for a layer or criterion that the compiler does not know: ``joins[k]`` takes ``exits[k]`` of all parts
    after section k and fills ``entries[k]`` of all parts before section k + 1. Each join is (kind, layer), kind one of
    "preprocess", "forward", "loss", "backward".

    network: a Sequential; form: of the primitives; images, labels, order, position: see ``primitives.gather``;
    loss: None for prediction, whose outputs are then ``output``; gradient: a vector like the network's, which the
    parameters' gradients are added to; scale, result: see ``primitives.rbf_criterion``; masks: where dropout is to be a
    primitive, ``Masks`` of masks.py. Without ``bind`` the sections stay lists of what the form has prepared.

    Raises ValueError for shapes that do not fit, and for labels that the network has no output for.
    """

    def __init__(self, network, form, samples, images, labels, order, position,
                 loss=None, gradient=None, scale=None, result=None, masks=None, bind=True):  # fmt: skip
        self.network, self.form, self.samples, self.gradient = network, form, samples, gradient
        self.position, self.masks = position, masks
        self.sections, self.joins, self.exits, self.entries = [[]], [], [], []
        parameters = network.parameters()
        self.ends = dict(zip(map(id, parameters), itertools.accumulate(p.size for p in parameters)))
        self.labels = form.array((samples,), np.int32)
        x = self._input(images, labels, order, position)
        stages = []
        layers, criterion = plan(network, loss, masks is not None)
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
        end = self.ends[id(parameter)]
        return self.gradient[end - parameter.size : end].reshape(parameter.shape)

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
                raise ValueError(
                    f"labels must lie in 0..{classes - 1}, got {int(labels.max())}: the network has {classes} outputs, "
                    f"one for each class; make it with as many classes as there are labels, as in lenet5(classes=N)"
                )
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


def plan(network, loss, drops=False):
    """(layers, criterion): [(kind of stage, layer, the squashing function behind it, that before it), ...].

    drops: whether dropout is a primitive, else it goes by its own methods. criterion is "cross_entropy", (the RBF
    layer, the squashing function before it), or None where the loss goes by its own methods or there is none.
    """
    layers, planned, before, criterion = list(_flat(network)), [], None, None
    last = layers[-1] if layers else None
    if type(last) is RBF and type(loss) in (RBFLoss, MAPLoss):
        criterion, layers = last, layers[:-1]
    elif type(loss) is CrossEntropyLoss and type(last).decide is Layer.decide:  # the largest logit wins
        criterion = "cross_entropy"
    while layers:
        layer, squash = layers.pop(0), None
        kind = kind_of(layer)
        kind = Unknown if kind is Drop and not drops else kind
        if kind in (Convolution, Dense, Subsample) and _can_fuse(layers, criterion, loss, drops):
            squash = squashing(layers.pop(0))
        planned.append((kind, layer, squash, before))
        before = squash if kind is not Reshape else before
    return planned, (criterion, before) if type(criterion) is RBF else criterion


def needs_whole_batch(network, loss, images, drops=False):
    """Whether something is not the compiler's, so that the parts of a batch come together within a step."""
    layers, criterion = plan(network, loss, drops)
    known = all(kind is not Unknown for kind, *_ in layers) and (loss is None or criterion is not None)
    return not (known and _gathers(network, images))


def _gathers(network, images):
    """Whether a table says what becomes of each byte."""
    return images.ndim == 3 and images.dtype == np.uint8 and type(network.preprocess) is Pixels


def _flat(layer):
    """The layers of a network, those of networks inside it one by one; a layer is its own."""
    kind = type(layer)
    if isinstance(layer, Sequential) and (kind.forward, kind.backward) == (Sequential.forward, Sequential.backward):
        for inner in layer:
            yield from _flat(inner)
    elif kind is not Dropout or layer.training or "forward" in vars(layer):  # dropout is nothing in evaluation
        yield layer


def _can_fuse(layers, criterion, loss, drops):
    """Whether layers[0] squashes for the stage before it: where a gradient comes back, it must come through f."""
    if not layers or squashing(layers[0]) is None:
        return False
    after = next((layer for layer in layers[1:] if type(layer) is not Flatten), None)
    if loss is None:
        return True
    takes_it = (Convolution, Dense, Subsample, Distances, *([Drop] if drops else []))
    return type(criterion) is RBF if after is None else kind_of(after) in takes_it


def pixel_values(preprocess, dtype):
    """What ``preprocess`` makes of each of the 256 bytes."""
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 1, 256)
    return dataclasses.replace(preprocess, size=None)(every_byte, dtype=dtype)[0, 0, :, 0]
