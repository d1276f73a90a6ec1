"""What the page shows of a network: every number comes from the engine's own layers, computed once, here.

Feature maps are (maps, H, W), vectors (features,), all of one sample. A stage is one of the paper's layers with its
squashing function: C1, S2, C3, S4, C5, F6 and the output.
"""

import numpy as np

from minicnn.layers import RBF, Conv2d, Flatten, Linear, Subsampling
from minicnn.losses import MAPLoss, RBFLoss
from minicnn.models.lenet5 import INPUT_SHAPE
from minicnn.optim import SGD

CRITERIA = {"rbf": RBFLoss, "softmax": MAPLoss}
"""Equation 8 of the paper, the distance to the right prototype; equation 9 with j infinite."""


def look(net, image):
    """The network's answer to one image (28, 28) uint8, and everything on the way there.

    sums: each stage's weighted sums; maps: the same squashed, with the input; distances (10,), and the digits from the
    nearest prototype to the farthest.
    """
    x = net.input(image[None])
    sums, maps = {}, {"input": _only(x)}
    for layer in net:
        x = layer.forward(x)
        if not isinstance(layer, Flatten):
            (maps if layer.activation else sums)[_stage(layer)] = _only(x)
    distances = sums.pop("output")
    ranking = np.argsort(distances, kind="stable")
    assert ranking[0] == net.decide(x)[0]
    return {"maps": maps, "sums": sums, "distances": distances.tolist(), "ranking": ranking.tolist()}


def look_back(net, image, target, criterion):
    """The gradient of the criterion at every stage, for one image (28, 28) uint8 that should be read as ``target``.

    maps: dE/d(output of the stage), dE/d(pixel) for the input; largest: the largest size of a gradient in each;
    saliency: the sizes |dE/d(pixel)|. Every parameter's gradient is in its ``grad`` afterwards.
    """
    loss = CRITERIA[criterion]()
    value = loss.forward(net.forward(net.input(image[None])), np.array([target]))
    gradient, maps = loss.backward(), {}
    for layer in reversed(net.layers):
        if not isinstance(layer, Flatten):
            maps.setdefault(_stage(layer), _only(gradient))  # the last layer of a stage comes first
        gradient = layer.backward(gradient)
    maps["input"] = _only(gradient)
    return {
        "target": target, "criterion": criterion, "loss": value, "maps": maps,
        "largest": _largest(maps), "saliency": np.abs(maps["input"]),
    }  # fmt: skip


def step(net, image, target, criterion, lr):
    """One step of SGD on one image, and what it changed.

    -> loss and distances before and after; weights: for each stage the length of the step against that of the weights;
    maps: what was added to each stage's maps; largest: the largest size of these changes.
    """
    before = look(net, image)
    loss = look_back(net, image, target, criterion)["loss"]
    old = {stage: _parameters(net, stage) for stage in _trained(net)}
    SGD(net.parameters(), lr).step()
    after = look(net, image)
    weights = {stage: float(_norm(_parameters(net, stage) - w) / _norm(w)) for stage, w in old.items()}
    maps = {stage: after["maps"][stage] - before["maps"][stage] for stage in after["maps"]}
    return {
        "loss": [loss, look_back(net, image, target, criterion)["loss"]],
        "distances": [before["distances"], after["distances"]], "answers": [before["ranking"][0], after["ranking"][0]],
        "weights": weights, "maps": maps, "largest": _largest(maps),
    }  # fmt: skip


def unit_weights(net, shipped, stage, index):
    """The weights that map or unit ``index`` of a stage has, and how much they differ from the shipped network's.

    weights: (maps read, 5, 5) for a convolution, in the order of ``reads``; (120,) for F6; the prototype (84,) for the
    output; {} for a subsampling map, which has a coefficient instead.
    """
    layer, original = net[stage], shipped[stage]
    if isinstance(layer, RBF):
        return {"weights": layer.prototypes[index], "change": layer.prototypes[index] - original.prototypes[index]}
    facts = {"bias": float(layer.bias.value[index])}
    if isinstance(layer, Subsampling):
        return {**facts, "coefficient": float(layer.coefficient.value[index])}
    if isinstance(layer, Linear):
        weights, old = (each.weight.value[index] for each in (layer, original))
    else:
        reads = _reads(layer)[index]
        weights, old = (each.dense_weight()[index][reads] for each in (layer, original))
    return {**facts, "weights": weights, "change": weights - old}


def description(net):
    """What does not change: each stage's size, counts, receptive field, and which maps each of its maps reads."""
    stages, field, start, jump = [], 1, 0, 1
    for line in net.counts(INPUT_SHAPE):
        layer = net[line["name"]]
        window = _window(layer)
        if window:
            size, stride = window
            field, start, jump = field + (size - 1) * jump, start, jump * stride
        else:
            field, start, jump = INPUT_SHAPE[-1], 0, 0
        stages.append({
            "name": line["name"], "text": line["text"], "shape": line["output"], "parameters": line["parameters"],
            "connections": line["connections"], "window": window,
            "field": {"size": field, "start": start, "step": jump}, "reads": _reads(layer),
        })  # fmt: skip
    pixels = net.preprocess
    return {
        "stages": stages, "input": {"shape": INPUT_SHAPE, "background": pixels.background, "ink": pixels.ink},
        "squash": {"A": net["F6 squash"].A, "S": net["F6 squash"].S}, "prototypes": net["output"].prototypes,
        "parameters": net.vector.values.size,
    }  # fmt: skip


def _stage(layer):
    return layer.name.removesuffix(" squash")


def _only(x):
    """The one sample of a batch, without the last axis."""
    return x[..., 0]


def _largest(maps):
    return {stage: float(np.abs(values).max()) for stage, values in maps.items()}


def _window(layer):
    """(size, stride) of the square that a unit sees of the maps before it; None: all there is."""
    if isinstance(layer, Conv2d):
        return layer.kernel_size[0], layer.stride[0]
    if isinstance(layer, Subsampling):
        return layer.size, layer.size
    return None


def _reads(layer):
    """For each map of a layer the maps before it that it is connected to; None for a layer of vectors."""
    if isinstance(layer, Conv2d):
        return layer.table or [list(range(layer.in_channels))] * layer.out_channels
    if isinstance(layer, Subsampling):
        return [[channel] for channel in range(layer.channels)]
    return None


def _trained(net):
    return [layer.name for layer in net if layer.parameters()]


def _parameters(net, stage):
    """A copy of all parameters of a stage, in one vector."""
    return np.concatenate([p.value.ravel() for p in net[stage].parameters()])


def _norm(vector):
    return np.sqrt(np.square(vector, dtype=np.float64).sum())
