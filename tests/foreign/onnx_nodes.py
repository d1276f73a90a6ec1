"""The ONNX backend's test cases of single nodes that are layers here: what its authors say an operator gives.

The first output of a node is compared, by ONNX's own tolerances; the others (a mask, indices, statistics) a layer
keeps for itself. Samples come first there and last here.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests
from outcomes import Refused

import minicnn as mc

VERSION = onnx.__version__
KINDS = ("node", "pytorch-converted", "pytorch-operator")


def cases():
    """{name: a function that compares} of every case whose graph is one node of OPERATORS."""
    found = {}
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cases that overflow on purpose
            tests = load_model_tests(kind=kind)
        for test in tests:
            model = test.model or onnx.load(Path(test.model_dir) / "model.onnx")
            if len(model.graph.node) == 1 and model.graph.node[0].op_type in OPERATORS:
                found[f"{kind} {test.name.removeprefix('test_')}"] = lambda test=test, model=model: agree(test, model)
    return dict(sorted(found.items()))


def agree(test, model):
    """The layer gives the outputs of every data set of the case."""
    (node,) = model.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    kept = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in kept]
    for inputs, outputs in test.data_sets or data_sets(Path(test.model_dir)):
        arrays = kept | dict(zip(names, inputs))
        y = OPERATORS[node.op_type](attributes, *(arrays.get(name) for name in node.input))
        assert y.dtype == outputs[0].dtype, f"y is {y.dtype}, not {outputs[0].dtype}"
        np.testing.assert_allclose(y, outputs[0], rtol=test.rtol, atol=test.atol)


def data_sets(folder):
    """(inputs, outputs) of every data set of a case that lies in files."""
    for part in sorted(folder.glob("test_data_set_*")):
        yield [
            [onnx.numpy_helper.to_array(onnx.load_tensor(part / f"{kind}_{i}.pb"))
             for i in range(len(list(part.glob(f"{kind}_*.pb"))))]
            for kind in ("input", "output")
        ]  # fmt: skip


def forward(layer, x):
    """y of samples that come first."""
    return np.moveaxis(layer.forward(np.moveaxis(x, 0, -1)), -1, 0)


# ---------------------------------------------------------------------------------------------- the operators


def convolution(how, x, weight, bias=None):
    size, groups = weight.shape[2:], how.get("group", 1)
    stride, dilation = how.get("strides", [1] * len(size)), how.get("dilations", [1] * len(size))
    padding = symmetric_padding(how, x.shape[2:], size, stride, dilation)
    layer = mc.Conv2d(groups * weight.shape[1], len(weight), size, stride=stride, padding=padding, dilation=dilation,
                      groups=groups, bias=bias is not None, dtype=x.dtype)  # fmt: skip
    layer.weight.value = weight
    if bias is not None:
        layer.bias.value = bias
    return forward(layer, x)


def max_pooling(how, x):
    size = how["kernel_shape"]
    stride, dilation = how.get("strides", [1] * len(size)), how.get("dilations", [1] * len(size))
    padding = symmetric_padding(how, x.shape[2:], size, stride, dilation)
    ceil = bool(how.get("ceil_mode", 0))
    return forward(mc.MaxPool2d(size, stride, padding=padding, dilation=dilation, ceil_mode=ceil), x)


def average_pooling(how, x):
    size = how["kernel_shape"]
    stride, dilation = how.get("strides", [1] * len(size)), how.get("dilations", [1] * len(size))
    padding = symmetric_padding(how, x.shape[2:], size, stride, dilation)
    ceil, pad = bool(how.get("ceil_mode", 0)), bool(how.get("count_include_pad", 0))
    layer = mc.AvgPool2d(size, stride, padding=padding, ceil_mode=ceil, count_include_pad=pad)
    if max(dilation) > 1:
        raise Refused("AvgPool2d has no dilation")
    return forward(layer, x)


def symmetric_padding(how, pixels, size, stride, dilation):
    """The padding of each axis, where it is the same on both sides."""
    auto = how.get("auto_pad", b"NOTSET").decode()
    pads = how.get("pads", [0] * 2 * len(size))
    before, after = pads[: len(size)], pads[len(size) :]
    if auto.startswith("SAME"):  # so that there are ceil(pixels / stride) windows
        extents = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
        needed = [max(0, (-(-n // s) - 1) * s + e - n) for n, s, e in zip(pixels, stride, extents)]
        before, after = [n // 2 for n in needed], [n - n // 2 for n in needed]
    if list(before) != list(after):
        raise Refused("padding differs on the two sides of an axis")
    return list(before)


def global_average_pooling(how, x):
    return forward(mc.GlobalAvgPool2d(), x)


def product(how, a, b, c=None):
    x, weight = a.T if how.get("transA", 0) else a, b if how.get("transB", 0) else b.T
    if c is not None and c.ndim == 2 and len(c) > 1:
        raise Refused("Linear has no bias for each sample")
    layer = mc.Linear(weight.shape[1], len(weight), bias=c is not None, dtype=x.dtype)
    layer.weight.value = how.get("alpha", 1.0) * weight
    if c is not None:
        layer.bias.value = np.broadcast_to(how.get("beta", 1.0) * c.reshape(-1), len(weight))
    return forward(layer, x)


def batch_normalisation(how, x, weight, bias, mean, variance):
    if how.get("training_mode", 0):
        raise Refused("ONNX divides the running variance by n, BatchNorm by n - 1 as PyTorch does")
    kind = mc.BatchNorm1d if x.ndim < 4 else mc.BatchNorm2d
    layer = kind(len(weight), how.get("epsilon", 1e-5), dtype=x.dtype).eval()
    layer.weight.value, layer.bias.value, layer.running_mean, layer.running_var = weight, bias, mean, variance
    return forward(layer, x)


def layer_normalisation(how, x, weight, bias=None):
    """Normalised over the last axes, from ``axis`` on; the first axis holds the samples, unless that is one of them."""
    x, axis = x[None], how.get("axis", -1) % x.ndim + 1  # one sample more, for axis 0
    if bias is None:
        raise Refused("LayerNorm has no weight without a bias")
    layer = mc.LayerNorm(x.shape[axis:], how.get("epsilon", 1e-5), dtype=x.dtype)
    layer.weight.value, layer.bias.value = weight, bias
    order = [*range(axis, x.ndim), *range(1, axis), 0]
    return layer.forward(x.transpose(order)).transpose(np.argsort(order))[0]


def leaky_relu(how, x):
    return forward(mc.LeakyReLU(how.get("alpha", 0.01)), x)


def flatten(how, x):
    if how.get("axis", 1) not in (1, 1 - x.ndim):
        raise Refused("Flatten begins behind the samples' axis")
    return forward(mc.Flatten(), x)


def dropout(how, x, ratio=None, training=None):
    ratio = how.get("ratio", 0.5) if ratio is None else float(ratio)
    training = training is not None and bool(training)
    if training and ratio > 0:
        raise Refused("the mask of the case comes from another random generator")
    return forward(mc.Dropout(ratio).train(training), x)


OPERATORS = {
    "Conv": convolution, "MaxPool": max_pooling, "AveragePool": average_pooling,
    "GlobalAveragePool": global_average_pooling, "Gemm": product, "BatchNormalization": batch_normalisation,
    "LayerNormalization": layer_normalisation, "LeakyRelu": leaky_relu, "Flatten": flatten, "Dropout": dropout,
    "Relu": lambda how, x: forward(mc.ReLU(), x), "Tanh": lambda how, x: forward(mc.Tanh(), x),
    "Sigmoid": lambda how, x: forward(mc.Sigmoid(), x),
}  # fmt: skip
"""What computes y from a node's attributes and its inputs, for every operator that is a layer here."""
