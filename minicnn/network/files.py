"""A network's parameters and buffers on disk. Methods of ``Sequential``: the first argument is the network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minicnn.data.classes import class_names, listed
from minicnn.errors import CheckpointError
from minicnn.serialization import load_npz, network_part, save_npz
from minicnn.typing import Array, ArrayLike, FilePath, Shape

if TYPE_CHECKING:
    from minicnn.network.network import Sequential

Kinds: TypeAlias = Mapping[str, tuple[np.dtype[Any], Shape]]


def state_dict(network: "Sequential") -> dict[str, Array]:
    """Every parameter's value and every buffer by name, as NumPy copies."""
    return {name: np.array(network.backend.to_numpy(array)) for name, array in _own(network).items()}


def load_state_dict(network: "Sequential", mapping: Mapping[str, ArrayLike]) -> None:
    """Set every parameter and buffer from a mapping of names to arrays, cast to the network's own dtypes.

    Raises CheckpointError, before anything is changed, where names or shapes are not this network's, or numbers are
    not real and finite, or negative where none can be.
    """
    try:
        apply(network, checked(network, mapping))
    except CheckpointError as error:
        raise CheckpointError(f"mapping {error}") from None


def save(network: "Sequential", path: FilePath) -> None:
    """Write parameters, buffers and the names of the classes to ``path`` (.npz, no pickle), whole or not at all."""
    save_npz(path, network.state_dict(), {"kind": "network", **class_facts(network)})


def class_facts(network: "Sequential") -> dict[str, list[str]]:
    """The names of the classes, if somebody has said them, as a file's facts keep them."""
    return {} if network.classes is None else {"classes": list(network.classes)}


def saved_classes(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of the classes from a file's facts; None if it does not say. CheckpointError for what is no such."""
    if (classes := facts.get("classes")) is None:
        return None
    try:
        if not isinstance(classes, list):
            raise TypeError(f"classes must be a list of names, got {classes!r}")
        return class_names(classes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"is damaged: its {error}") from None


def check_classes(network: "Sequential", facts: Mapping[str, Any]) -> None:
    """CheckpointError if the file's network has other classes: LeNet-5's prototypes go with their names."""
    classes, own = saved_classes(facts), getattr(network, "classes", None)
    if classes is not None and own is not None and classes != own:
        raise CheckpointError(f"tells {len(classes)} classes apart ({listed(classes)}), this network {len(own)} "
                              f"({listed(own)}): make it with classes=mc.models.classes_of(path)")  # fmt: skip


def load(network: "Sequential", path: FilePath) -> "Sequential":
    """Read what ``save`` or a training checkpoint wrote; returns the network, which takes the names of its classes
    from the file if it has none.

    Raises CheckpointError, before anything is changed, for an unreadable file or another network's.
    """

    def check(kinds: Kinds, facts: Mapping[str, Any]) -> None:
        if facts.get("kind") not in ("network", "checkpoint"):
            raise CheckpointError(f"holds {facts.get('kind')!r}, neither a network nor a training checkpoint")
        check_classes(network, facts)
        check_kinds(network, network_part(kinds) if facts["kind"] == "checkpoint" else kinds)

    arrays, facts = load_npz(path, check)
    try:
        apply(network, checked(network, network_part(arrays) if facts["kind"] == "checkpoint" else arrays))
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    network.classes = saved_classes(facts) or network.classes
    return network


def classes_of(path: FilePath) -> tuple[str, ...] | None:
    """The names of the classes that the network or checkpoint at ``path`` tells apart; None if it does not say.

    Versions before 0.4 did not: their LeNet-5 knows the ten digits. Raises CheckpointError for an unreadable file.

    >>> net = mc.models.lenet5(classes=mc.models.classes_of("letters.npz")).load("letters.npz")  # doctest: +SKIP
    """
    return saved_classes(load_npz(path)[1])


def check_kinds(network: "Sequential", kinds: Kinds) -> None:
    """CheckpointError unless {name: (dtype, shape)} are those of the network's parameters and buffers."""
    _compare(_own(network), kinds)


def checked(network: "Sequential", mapping: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """{name: array} from the mapping in the network's own dtypes; errors as of ``load_state_dict``."""
    if not isinstance(mapping, Mapping):
        raise TypeError(f"mapping must be a mapping from names to arrays, got {type(mapping).__name__}")
    own, given = _own(network), {name: _array(name, array) for name, array in mapping.items()}
    _compare(own, {name: (array.dtype, array.shape) for name, array in given.items()})
    with np.errstate(over="ignore"):  # a float64 beyond float32's range becomes infinite, and is refused as that
        arrays = {name: given[name].astype(array.dtype) for name, array in own.items()}
    for name, array in arrays.items():
        if wrong := int(array.size - np.isfinite(array).sum()):
            raise CheckpointError(f"is damaged: {wrong:,} of the {array.size:,} numbers of {name} are not finite")
    for name, (layer, attribute) in network.buffer_places().items():
        if attribute in layer.at_least_0 and arrays[name].size and arrays[name].min() < 0:
            raise CheckpointError(f"is damaged: {name} holds a negative number, {arrays[name].min()}")
    return arrays


def apply(network: "Sequential", arrays: Mapping[str, Array]) -> None:
    """Set every parameter and buffer to what ``checked`` returned."""
    for name, p in network.named_parameters():
        p.value = network.backend.asarray(arrays[name])
    for name, (layer, attribute) in network.buffer_places().items():
        setattr(layer, attribute, network.backend.asarray(arrays[name]))


def _own(network: "Sequential") -> dict[str, Array]:
    """{name: array} of the network's parameters and buffers."""
    return {name: p.value for name, p in network.named_parameters()} | dict(network.named_buffers())


def _array(name: str, array: ArrayLike) -> Array:
    try:
        return np.asarray(array)
    except ValueError as error:  # rows of different lengths
        raise CheckpointError(f"is damaged: {name} is no array of numbers: {error}") from None


def _compare(own: Mapping[str, Array], kinds: Kinds) -> None:
    if missing := [name for name in own if name not in kinds]:
        raise CheckpointError(f"is of another architecture: {', '.join(missing)} missing")
    if foreign := [str(name) for name in kinds if name not in own]:
        raise CheckpointError(f"is of another architecture: {', '.join(foreign)} not in this network")
    for name, array in own.items():
        dtype, shape = kinds[name]
        if shape != tuple(array.shape):
            raise CheckpointError(
                f"is of another architecture: {name} is {shape}, this network has {tuple(array.shape)}"
            )
        if dtype.kind != array.dtype.kind:
            kind = "real numbers (float32 or float64)" if array.dtype.kind == "f" else f"{array.dtype}"
            raise CheckpointError(f"is damaged: {name} must hold {kind}, it holds {dtype}")
