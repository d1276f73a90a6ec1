"""Weights back from our own ONNX files, whose constants are called as the network's parameters and buffers."""

import json
from collections.abc import Mapping

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.files import checked_path, open_file
from minicnn.interop.kernels import connected_kernels
from minicnn.interop.needs import needed
from minicnn.interop.onnx_files import FACTS
from minicnn.interop.pytorch import check_prototypes
from minicnn.layers import RBF, Conv2d, Subsampling
from minicnn.layers.parts import dotted
from minicnn.network import Sequential
from minicnn.network.files import apply, check_classes, checked, saved_classes
from minicnn.typing import FilePath


def load_onnx(network: Sequential, path: FilePath) -> Sequential:
    """Set every parameter and buffer from what ``save_onnx`` wrote of such a network, the names of the classes too;
    returns the network.

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
        facts = _facts(model)
        check_classes(network, facts)
        apply(network, checked(network, _arrays(network, model, facts["counts"], onnx)))
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    network.classes = saved_classes(facts) or network.classes
    return network


def _facts(model):
    """What the file says of the network in JSON."""
    try:
        facts = json.loads({item.key: item.value for item in model.metadata_props}[FACTS])
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(f"is damaged: its facts cannot be read: {error}") from None
    if not isinstance(facts, Mapping) or not isinstance(facts.get("counts"), Mapping):
        raise CheckpointError(f"is damaged: its facts must be a mapping with counts, they are {facts!r}"[:200])
    return facts


def _arrays(network, model, counts, onnx):
    """{name: array} of the network's state, from the model's constants and counts."""
    constants, arrays = {tensor.name: tensor for tensor in model.graph.initializer}, {}
    state = network.state_dict()
    for path, layer in network.walk():
        for name in [name for name in state if name.rpartition(".")[0] == path]:
            if name in counts:
                arrays[name] = np.array(counts[name])
            elif name in constants:
                arrays[name] = _in_form(name, _array(constants[name], onnx), state[name], layer)
        prototypes = dotted(path, "prototypes")
        if isinstance(layer, RBF) and prototypes in constants:
            check_prototypes(layer, _array(constants[prototypes], onnx), prototypes)
    return arrays


def _array(tensor, onnx):
    """The numbers of a constant."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise CheckpointError(f"is damaged: {tensor.name} lies in another file, where minicnn puts nothing")
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:
        raise CheckpointError(f"is damaged: {tensor.name} cannot be read: {error}") from error


def _in_form(name, array, own, layer):
    """The array as ``state_dict`` has it; what does not fit is left as it is, for ``checked`` to refuse."""
    kind = name.rpartition(".")[2]
    if isinstance(layer, Conv2d) and kind == "weight":
        whole = layer.out_channels, layer.in_channels // layer.groups, *layer.kernel_size
        return connected_kernels(layer, array, name) if array.shape == whole else array
    if isinstance(layer, Subsampling) and kind == "coefficient" and array.ndim == 4 and array.size:
        if (array != array[:, :1, :1, :1]).any():
            raise CheckpointError(f"is another network's: {name} is not one number a map")
        return array[:, 0, 0, 0]
    return array.reshape(own.shape) if array.size == own.size else array
