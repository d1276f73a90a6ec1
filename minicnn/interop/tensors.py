"""Weights as a .safetensors file, in PyTorch's names and shapes: what its users load with ``load_file``."""

import json
from typing import Any

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write, checked_path, open_file
from minicnn.interop.needs import needed
from minicnn.interop.pytorch import Names, check_shapes, entries, ours, torch_state_dict
from minicnn.network import Sequential
from minicnn.network.files import apply, check_classes, checked, class_facts, saved_classes
from minicnn.typing import FilePath

FACTS = {"format": "pt", "producer": "minicnn"}
"""Metadata of a file: "pt" says whose names and shapes they are, as other readers expect it. The names of the classes
come beside it, as JSON, if somebody has said them."""

READABLE = {"F16": "f", "F32": "f", "F64": "f", "I64": "i", "I32": "i"}
"""Number types that NumPy has, and what kind they are."""


def save_safetensors(network: Sequential, path: FilePath, names: Names = None) -> None:
    """Write ``torch_state_dict(network, names)`` to ``path``, whole or not at all."""
    safetensors = needed("safetensors.numpy", "a .safetensors file")
    arrays = {name: np.asarray(array, order="C") for name, array in torch_state_dict(network, names).items()}
    classes = {name: json.dumps(value) for name, value in class_facts(network).items()}
    contents = safetensors.save(arrays, FACTS | classes)
    with atomic_write(path) as file:
        file.write(contents)


def load_safetensors(network: Sequential, path: FilePath, names: Names = None) -> Sequential:
    """Set every parameter and buffer from a .safetensors file in PyTorch's names and shapes; returns the network.

    A file of minicnn's brings the names of the classes, too. names: as of ``torch_state_dict``. Names, types and shapes
    are compared before the first number is read. Raises CheckpointError, before anything is changed, for a damaged file
    and for another model's: see ``load_torch_state_dict``.
    """
    safetensors = needed("safetensors", "a .safetensors file")
    path, wanted = checked_path("path", path), entries(network, names)
    try:
        open_file(path).close()  # no pipe and no directory
        with safetensors.safe_open(path, framework="numpy") as file:
            facts = _facts(path, file.metadata() or {})
            slices = {name: file.get_slice(name) for name in file.keys()}
            check_shapes(str(path), wanted, {name: tuple(s.get_shape()) for name, s in slices.items()})
            for name, s in slices.items():
                if s.get_dtype() not in READABLE:
                    raise CheckpointError(f"{path} holds {name} as {s.get_dtype()}: save it as float32 (F32)")
            arrays = {name: file.get_tensor(name) for name in slices}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as a .safetensors file: {error}") from error
    try:
        check_classes(network, facts)
        apply(network, checked(network, ours(wanted, arrays)))
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    network.classes = saved_classes(facts) or network.classes
    return network


def _facts(path: FilePath, metadata: dict[str, str]) -> dict[str, Any]:
    """What a file of minicnn's says of the network; nothing of another's."""
    if metadata.get("producer") != FACTS["producer"] or "classes" not in metadata:
        return {}
    try:
        return {"classes": json.loads(metadata["classes"])}
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its classes cannot be read: {error}") from None
