"""A network as an ONNX model.

The model takes samples first, as ONNX's users expect: x ``(N, C, H, W)`` or ``(N, features)``, with any N, and gives
"output" ``(N, outputs)``. Its numbers are float32, whatever the network's are, for many runtimes have no other. It
computes what the network computes in evaluation mode.
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.data.transforms import INK, Pixels
from minicnn.files import atomic_write
from minicnn.interop import onnx_operators
from minicnn.interop.needs import needed
from minicnn.interop.onnx_graph import Graph
from minicnn.layers.checks import pair
from minicnn.network import Sequential
from minicnn.network.files import class_facts
from minicnn.typing import FilePath, Pair, Shape

FACTS = "minicnn"
"""Metadata with what no graph has a place for: the names of the classes, a BatchNorm's number of batches."""


def to_onnx(network: Sequential, input_shape: Sequence[int] | None = None, *, images: Pair | None = None,
            labels: bool = False) -> Any:  # fmt: skip
    """-> onnx.ModelProto of the network, looked at by onnx's own full check.

    input_shape: of "input" without samples, (C, H, W) or (features,); may be left out where the network's preprocess
    makes images of one size, as LeNet-5's does. images: (H, W), for a model that takes uint8 "images" (N, H, W) and
    preprocesses them as ``predict`` does. labels: whether the model has a second output "labels" (N,), int64, what
    ``predict`` returns.

    Raises TypeError for a layer or a preprocess that is not minicnn's, ValueError for shapes that do not fit.
    """
    onnx = needed("onnx", "an ONNX model")
    if not isinstance(network, Sequential):
        raise TypeError(f"network must be a minicnn.Sequential, got {type(network).__name__}")
    network = copy.deepcopy(network).eval().to("numpy", "float32")
    _check_layers(network)
    pixels: Pixels | None = None
    size: Shape = ()
    if images is None:
        shape = _input_shape(network, input_shape)
    elif input_shape is not None:
        raise ValueError(f"images={images} says what the model takes: leave input_shape out, got {input_shape}")
    else:
        pixels, size = _pixels(network.preprocess), pair("images", images)
        shape = pixels(np.zeros((1, *size), np.uint8)).shape[:-1]
    graph = Graph({line["name"]: line["input"] for line in network.counts(shape)}, network.state_dict())
    x = "input" if pixels is None else _preprocessed(graph, pixels, size)
    y = graph.output(onnx_operators.sequential(graph, network, x), "output")
    n, said = "N", network.forward(np.zeros((*shape, 1), np.float32))
    inputs = [("input", "float32", [n, *shape])] if pixels is None else [("images", "uint8", [n, *size])]
    outputs = [(y, "float32", [n, *said.shape[:-1]])]
    if labels:
        outputs.append((_decided(graph, network, y, said), "int64", [n]))
    counts = {name: int(array) for name, array in network.named_buffers() if array.dtype.kind == "i"}
    model = graph.model(inputs, outputs, {FACTS: json.dumps({"counts": counts, **class_facts(network)})})
    onnx.checker.check_model(model, full_check=True)
    return model


def save_onnx(network: Sequential, path: FilePath, input_shape: Sequence[int] | None = None, *,
              images: Pair | None = None, labels: bool = False) -> None:  # fmt: skip
    """Write ``to_onnx(network, ...)`` to ``path``, whole or not at all; the arguments are those of ``to_onnx``."""
    contents = to_onnx(network, input_shape, images=images, labels=labels).SerializeToString()
    with atomic_write(path) as file:
        file.write(contents)


def _check_layers(network):
    """TypeError for a layer without an operator, before anything is computed."""
    for _, layer in network.walk()[1:]:
        onnx_operators.operator(layer)


def _pixels(preprocess: Any) -> Pixels:
    if not isinstance(preprocess, Pixels):
        raise TypeError(f"images= needs a preprocess of mc.data, as mc.data.UNIT, got {preprocess!r}: leave images= "
                        "out for a model of what forward takes")  # fmt: skip
    return preprocess


def _input_shape(network: Sequential, input_shape: Sequence[int] | None) -> Shape:
    """The shape of x without samples."""
    frame = getattr(network.preprocess, "size", None)
    if input_shape is None and frame is not None:
        return 1, frame, frame
    if not isinstance(input_shape, (tuple, list)):
        raise ValueError(f"input_shape must be (C, H, W) or (features,), got {input_shape!r}")
    return tuple(input_shape)


def _preprocessed(graph, pixels, size):
    """x (N, 1, H, W) from uint8 images, each byte looked up in the table of what becomes of it: exact."""
    table = replace(pixels, size=None)(np.arange(INK + 1, dtype=np.uint8).reshape(1, 1, -1))[0, 0, :, 0]
    bytes_ = graph.node("Cast", ["images"], "images", to=graph.helper.np_dtype_to_tensor_dtype(np.dtype("int32")))
    x = graph.node("Gather", [graph.constant("pixels", table), bytes_], "images")
    x = graph.node("Unsqueeze", [x, graph.integers("images.axis", [1])], "images")
    if pixels.size is None or size == (pixels.size, pixels.size):
        return x
    (high, wide), frame = size, pixels.size
    top, left = (frame - high) // 2, (frame - wide) // 2
    widths = graph.integers("images.frame", [0, 0, top, left, 0, 0, frame - high - top, frame - wide - left])
    return graph.node("Pad", [x, widths, graph.numbers("background", table[0])], "images", mode="constant")


def _decided(graph, network, y, said):
    """The output "labels": by the smallest or the largest output, as the network decides."""
    if said.ndim != 2:
        raise ValueError(f"labels=True needs outputs (classes, N), the network's are {said.shape[:-1]} a sample")
    two = np.array([[0.0], [1.0]], np.float32)  # the second one is larger
    operator = "ArgMax" if int(network.decide(two)[0]) else "ArgMin"
    return graph.output(graph.node(operator, [y], "labels", axis=1, keepdims=0), "labels")
