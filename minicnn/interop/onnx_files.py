"""A network as an ONNX model, and its weights back from the file.

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
from minicnn.errors import CheckpointError
from minicnn.files import atomic_write, checked_path, open_file
from minicnn.interop import onnx_operators
from minicnn.interop.kernels import connected_kernels
from minicnn.interop.needs import needed
from minicnn.interop.onnx_graph import Graph
from minicnn.layers import Conv2d, Subsampling
from minicnn.layers.checks import pair
from minicnn.network import Sequential
from minicnn.typing import FilePath, Pair, Shape

COUNTS = "minicnn.counts"
"""Metadata with what no graph of inference has a use for: a BatchNorm's number of batches."""


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
    model = graph.model(inputs, outputs, {COUNTS: json.dumps(counts)} if counts else {})
    onnx.checker.check_model(model, full_check=True)
    return model


def save_onnx(network: Sequential, path: FilePath, input_shape: Sequence[int] | None = None, *,
              images: Pair | None = None, labels: bool = False) -> None:  # fmt: skip
    """Write ``to_onnx(network, ...)`` to ``path``, whole or not at all; the arguments are those of ``to_onnx``."""
    contents = to_onnx(network, input_shape, images=images, labels=labels).SerializeToString()
    with atomic_write(path) as file:
        file.write(contents)


def load_onnx(network: Sequential, path: FilePath) -> Sequential:
    """Set every parameter and buffer from what ``save_onnx`` wrote of such a network; returns the network.

    Raises CheckpointError, before anything is changed, for a damaged file, one that minicnn did not write (its names
    would mean nothing here), and another network's.
    """
    onnx = needed("onnx", "an ONNX model")
    path = checked_path("path", path)
    try:
        with open_file(path) as file:
            model = onnx.load_model_from_string(file.read())
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except Exception as error:  # protobuf's DecodeError is no class that every version has in the same place
        raise CheckpointError(f"{path} cannot be read as an ONNX model: {error}") from error
    if model.producer_name != "minicnn":
        raise CheckpointError(
            f"{path} was written by {model.producer_name or 'an unknown program'}: only minicnn's own ONNX files name "
            "weights as a network here does; mc.interop.load_torch_state_dict(network, arrays, names) takes any arrays"
        )
    try:
        arrays = _arrays(network, model, onnx)
        network.load_state_dict({name: a for name, a in arrays.items() if a is not None})
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return network


# ------------------------------------------------------------------------------------------------------- writing


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
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
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


# ------------------------------------------------------------------------------------------------------- reading


def _arrays(network, model, onnx):
    """{our name: array} from the model's constants and counts."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    counts = {item.key: item.value for item in model.metadata_props}.get(COUNTS, "{}")
    try:
        arrays = {name: np.array(count) for name, count in json.loads(counts).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"is damaged: {COUNTS} is no JSON of numbers: {error}") from None
    layers = {path: layer for path, layer in network.walk()}
    for name, own in network.state_dict().items():
        if name in constants:
            layer = layers.get(name.rpartition(".")[0])
            arrays[name] = _array(name, constants[name], own, layer, onnx)
    return arrays


def _array(name, tensor, own, layer, onnx):
    """The array of a constant, in the form that ``state_dict`` has it."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise CheckpointError(f"is damaged: {name} lies in another file, where minicnn puts nothing")
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except Exception as error:
        raise CheckpointError(f"is damaged: {name} cannot be read: {error}") from error
    kind = name.rpartition(".")[2]
    if isinstance(layer, Conv2d) and kind == "weight" and array.ndim == 4:
        return _weight(name, array, layer)
    if isinstance(layer, Subsampling) and kind == "coefficient" and array.ndim == 4:
        if (array != array[:, :1, :1, :1]).any():
            raise CheckpointError(f"is another network's: {name} is not one number a map")
        return array[:, 0, 0, 0]
    return array.reshape(own.shape) if array.size == own.size else array


def _weight(name, array, layer):
    whole = layer.out_channels, layer.in_channels // layer.groups, *layer.kernel_size
    return connected_kernels(layer, array, name) if array.shape == whole else array
