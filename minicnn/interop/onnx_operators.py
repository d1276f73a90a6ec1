"""What each layer is in ONNX, in evaluation mode: a function (graph, layer, name of x) -> name of y.

Feature maps are ``(N, C, H, W)`` there and vectors ``(N, features)``. The order of the numbers within a sample is the
same, so a Flatten is one, and weights keep their shapes.
"""

import math

import numpy as np

from minicnn import layers, network
from minicnn.interop.kernels import whole_weight


def add(graph, layer, x):
    """The nodes of ``layer``; -> the name of its y."""
    return operator(layer)(graph, layer, x)


def operator(layer):
    """What adds the layer's nodes; TypeError for one that is not minicnn's."""
    if type(layer) not in OPERATORS:
        raise TypeError(
            f"{layer.label}: {type(layer).__name__} is a layer of your own, and ONNX has no operator that is known to "
            "compute it: a network of minicnn's layers can be exported"
        )
    return OPERATORS[type(layer)]


def sequential(graph, layer, x):
    for part in layer:
        x = add(graph, part, x)
    return x


def residual(graph, layer, x):
    y = x
    for part in layer.layers:
        y = add(graph, part, y)
    same = x if layer.shortcut is None else add(graph, layer.shortcut, x)
    return graph.node("Add", [y, same], layer.path)


def parallel(graph, layer, x):
    ys = [add(graph, branch, x) for branch in layer.branches]
    if layer.combine == "add":
        return graph.node("Sum", ys, layer.path)
    return graph.node("Concat", ys, layer.path, axis=1)


def convolution(graph, layer, x):
    """ONNX has groups but no tables of connections: the weight is whole, with zeros where the table has nothing."""
    weight = graph.parameter(layer.weight, whole_weight(layer, layer.weight.value))
    bias = [graph.parameter(layer.bias)] if layer.bias else []
    return graph.node("Conv", [x, weight, *bias], layer.path, kernel_shape=layer.kernel_size, strides=layer.stride,
                      pads=layer.padding * 2, dilations=layer.dilation, group=layer.groups)  # fmt: skip


def subsampling(graph, layer, x):
    """The sum over a block times a coefficient: a convolution of each map by itself whose weights are all the same."""
    block = (layer.size, layer.size)
    coefficients = np.broadcast_to(layer.coefficient.value[:, None, None, None], (layer.channels, 1, *block))
    inputs = [x, graph.parameter(layer.coefficient, coefficients), graph.parameter(layer.bias)]
    return graph.node("Conv", inputs, layer.path, kernel_shape=block, strides=block, group=layer.channels)


def max_pooling(graph, layer, x):
    """Every border is written out, a border of ceil_mode too: what that means has changed in ONNX over the years."""
    pads = _pads(graph, layer)
    if any(pad >= size for pad, size in zip(pads, layer.size * 2)):  # runtimes refuse it
        x, pads = _framed(graph, layer, x, pads, -math.inf), (0,) * 4
    return graph.node("MaxPool", [x], layer.path, kernel_shape=layer.size, strides=layer.stride, pads=pads,
                      dilations=layer.dilation)  # fmt: skip


def average_pooling(graph, layer, x):
    """What counts as a pixel of a window: the padding if count_include_pad, never what lies beyond it."""
    pads, padding = _pads(graph, layer), layer.padding * 2
    if layer.count_include_pad and any(padding):
        x, pads = _framed(graph, layer, x, padding, 0), tuple(a - b for a, b in zip(pads, padding))
    return graph.node("AveragePool", [x], layer.path, kernel_shape=layer.size, strides=layer.stride, pads=pads)


def _pads(graph, layer):
    """(above, left, below, right): how many pixels around the image the windows see."""
    (above, below), (left, right) = layer._borders((*graph.shapes[layer.path], 1))
    return above, left, below, right


def _framed(graph, layer, x, pads, value):
    """x with a frame of ``value`` around each map."""
    above, left, below, right = pads
    widths = graph.integers(f"{layer.path}.frame", [0, 0, above, left, 0, 0, below, right])
    return graph.node("Pad", [x, widths, graph.numbers(f"{layer.path}.outside", value)], layer.path, mode="constant")


def mean_of_maps(graph, layer, x):
    return graph.node("GlobalAveragePool", [x], layer.path)


def linear(graph, layer, x):
    bias = [graph.parameter(layer.bias)] if layer.bias else []
    return graph.node("Gemm", [x, graph.parameter(layer.weight), *bias], layer.path, transB=1)


def distances(graph, layer, x):
    """y[i] = sum_j (x[j] - w[i, j])², as it stands: |x|² - 2 x w + |w|² would lose digits to cancellation."""
    column = graph.node("Unsqueeze", [x, graph.integers(f"{layer.path}.axis", [1])], layer.path)
    difference = graph.node("Sub", [column, graph.constant(f"{layer.path}.prototypes", layer.prototypes)], layer.path)
    inputs = [difference, graph.integers(f"{layer.path}.axes", [2])]
    return graph.node("ReduceSumSquare", inputs, layer.path, keepdims=0)


def scaled_tanh(graph, layer, x):
    x = graph.node("Mul", [x, graph.numbers(f"{layer.path}.S", layer.S)], layer.path)
    x = graph.node("Tanh", [x], layer.path)
    return graph.node("Mul", [x, graph.numbers(f"{layer.path}.A", layer.A)], layer.path)


def leaky_relu(graph, layer, x):
    return graph.node("LeakyRelu", [x], layer.path, alpha=layer.negative_slope)


def plain(operator, **attributes):
    """A layer that is one ONNX operator without weights."""
    return lambda graph, layer, x: graph.node(operator, [x], layer.path, **attributes)


def identity(graph, layer, x):
    """Dropout does nothing in evaluation mode, so that it needs no node."""
    return x


def batch_normalisation(graph, layer, x):
    places = len(graph.shapes[layer.path]) - 1
    if layer.running_mean is None:  # the batch's own statistics, in evaluation mode too
        return _normalised(graph, layer, x, over=[0, *range(2, 2 + places)], shape=(-1, *[1] * places))
    if layer.weight:
        weights = [graph.parameter(layer.weight), graph.parameter(layer.bias)]
    else:
        weights = [graph.numbers(f"{layer.path}.{name}", [value] * layer.num_features)
                   for name, value in (("ones", 1), ("zeros", 0))]  # fmt: skip
    statistics = [graph.state(f"{layer.path}.{name}", getattr(layer, name)) for name in ("running_mean", "running_var")]
    return graph.node("BatchNormalization", [x, *weights, *statistics], layer.path, epsilon=layer.eps)


def layer_normalisation(graph, layer, x):
    """ONNX's own LayerNormalization would take the last axes, which are the first ones here."""
    axes = len(layer.normalized_shape)
    places = len(graph.shapes[layer.path]) - axes
    shape = (*layer.normalized_shape, *[1] * places)
    return _normalised(graph, layer, x, over=list(range(1, 1 + axes)), shape=shape)


def _normalised(graph, layer, x, over, shape):
    """weight · (x - mean) / sqrt(variance + eps) + bias, mean and variance along these axes."""
    path = layer.path
    axes = graph.integers(f"{path}.axes", over)
    shifted = graph.node("Sub", [x, graph.node("ReduceMean", [x, axes], path)], path)
    variance = graph.node("ReduceMean", [graph.node("Mul", [shifted, shifted], path), axes], path)
    shifted_variance = graph.node("Add", [variance, graph.numbers(f"{path}.eps", layer.eps)], path)
    y = graph.node("Div", [shifted, graph.node("Sqrt", [shifted_variance], path)], path)
    if layer.weight:
        y = graph.node("Mul", [y, graph.parameter(layer.weight, layer.weight.value.reshape(shape))], path)
        y = graph.node("Add", [y, graph.parameter(layer.bias, layer.bias.value.reshape(shape))], path)
    return y


OPERATORS = {
    network.Sequential: sequential, layers.Sequential: sequential, layers.Residual: residual,
    layers.Parallel: parallel, layers.Conv2d: convolution, layers.Subsampling: subsampling,
    layers.MaxPool2d: max_pooling, layers.AvgPool2d: average_pooling, layers.GlobalAvgPool2d: mean_of_maps,
    layers.Linear: linear, layers.RBF: distances, layers.ScaledTanh: scaled_tanh, layers.LeakyReLU: leaky_relu,
    layers.Tanh: plain("Tanh"), layers.Sigmoid: plain("Sigmoid"), layers.ReLU: plain("Relu"),
    layers.Flatten: plain("Flatten", axis=1), layers.Dropout: identity, layers.BatchNorm1d: batch_normalisation,
    layers.BatchNorm2d: batch_normalisation, layers.LayerNorm: layer_normalisation,
}  # fmt: skip
"""By exact class: a class derived from one of these may compute anything."""
