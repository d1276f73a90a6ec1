"""A network's weights as PyTorch calls and shapes them, and back.

    here                                        in PyTorch
    a layer with a name, "C1.weight"            the same, "C1.weight"
    one without, "0.Conv2d.weight"              its place, as in nn.Sequential: "0.weight"
    Conv2d, Linear, BatchNorm, LayerNorm        the same shapes
    Conv2d with a table of connections          the whole weight, 0 where nothing is connected
    Subsampling, a layer of your own            the same names and shapes; the module is yours
    RBF's prototypes, fixed                     a buffer, "output.prototypes"

Only x differs: samples are the last axis here and the first there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.interop.kernels import connected_kernels, has_table, whole_weight
from minicnn.layers import RBF, Conv2d, Layer, Parameter
from minicnn.layers.parts import dotted, held
from minicnn.network import Sequential
from minicnn.network.files import apply, checked
from minicnn.typing import Array, Shape

Names = Mapping[str, str] | None
"""{"C1": "features.0"}: what a PyTorch module calls a layer of the network."""

Place = tuple[str, str, Layer]

HALVED = 2.0**-8
"""How far, as a share, a number may move where a module has been cast to float16 or bfloat16."""

MOST_NAMES = 8
"""So many names stand in a message, and how many more there are."""


@dataclass(frozen=True)
class Entry:
    """One array: its place here and there. fixed: it is a constant here, which nothing can be loaded into."""

    layer: Layer
    ours: str
    theirs: str
    array: Array
    fixed: bool = False

    @property
    def own_name(self) -> str:
        """Without the path to the layer."""
        return self.ours.removeprefix(f"{self.layer.path}.")


def torch_state_dict(network: Sequential, names: Names = None) -> dict[str, Array]:
    """{name: array} for ``load_state_dict`` of the network's twin in PyTorch, NumPy copies in the order of the layers.

    names: {"C1": "features.0"} where the module calls one of the network's layers otherwise. ``torch.as_tensor`` makes
    tensors of the arrays.

    >>> net = mc.Sequential([mc.Linear(2, 3, rng=0), mc.Tanh(), mc.Linear(3, 1, rng=0)])
    >>> {name: array.shape for name, array in mc.interop.torch_state_dict(net).items()}
    {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
    """
    return {entry.theirs: entry.array for entry in entries(network, names)}


def load_torch_state_dict(network: Sequential, state_dict: Mapping[str, Any], names: Names = None) -> Sequential:
    """Set every parameter and buffer from what a PyTorch module's ``state_dict()`` returned; returns the network.

    names: as of ``torch_state_dict``. Values are tensors on any device or arrays, cast to the network's number type;
    prototypes may be missing, but not be others. Raises CheckpointError, before anything is changed, where names or
    shapes are another model's, and says which and what next; TypeError for what is no mapping.
    """
    if not isinstance(state_dict, Mapping):
        of = "a module: give its .state_dict()" if hasattr(state_dict, "state_dict") else type(state_dict).__name__
        raise TypeError(f"state_dict must be a mapping from names to tensors or arrays, got {of}")
    needed = entries(network, names)
    given = {str(name): _array(name, value) for name, value in state_dict.items()}
    check_shapes("state_dict", needed, {name: array.shape for name, array in given.items()})
    try:
        apply(network, checked(network, ours(needed, given)))
    except CheckpointError as error:
        raise CheckpointError(f"state_dict {error}") from None
    return network


def entries(network: Sequential, names: Names = None) -> list[Entry]:
    """The network's arrays in PyTorch's order: layer by layer, parameters before buffers."""
    if not isinstance(network, Sequential):
        raise TypeError(f"network must be a minicnn.Sequential, got {type(network).__name__}")
    state = network.state_dict()
    found: list[Entry] = []
    known: set[str] = set()
    for path, theirs, layer in _places(network, names or {}):
        known.add(path)
        own = {dotted(path, p.own_name or name): p.own_name or name for name, p in held(layer, Parameter)}
        own |= {dotted(path, name): name for name in layer.buffers}
        for name in (name for name in own if name in state):
            array = state[name]
            if isinstance(layer, Conv2d) and own[name] == "weight":
                array = whole_weight(layer, array)
            found.append(Entry(layer, name, dotted(theirs, own[name]), array))
        if isinstance(layer, RBF):
            array = np.array(layer.backend.to_numpy(layer.prototypes))
            found.append(Entry(layer, dotted(path, "prototypes"), dotted(theirs, "prototypes"), array, fixed=True))
    if unknown := [name for name in names or {} if name not in known]:
        raise ValueError(f"names: no layer is called {unknown[0]!r}; there are {', '.join(sorted(known - {''}))}")
    return found


def ours(needed: list[Entry], given: Mapping[str, Array]) -> dict[str, Array]:
    """{our name: array} from {their name: array}; CheckpointError where the arrays belong to other connections."""
    arrays = {}
    for entry in needed:
        if entry.fixed:
            if entry.theirs in given:
                check_prototypes(entry.layer, given[entry.theirs], entry.theirs)
        elif isinstance(entry.layer, Conv2d) and entry.own_name == "weight" and has_table(entry.layer):
            arrays[entry.ours] = connected_kernels(entry.layer, given[entry.theirs], entry.theirs)
        else:
            arrays[entry.ours] = given[entry.theirs]
    return arrays


def check_shapes(what: str, needed: list[Entry], shapes: Mapping[str, Shape]) -> None:
    """CheckpointError, naming all that differs and what to do, unless the shapes by name are those that are needed."""
    by_name = {entry.theirs: entry for entry in needed}
    missing = [f"{e.theirs} {e.array.shape}" for e in needed if e.theirs not in shapes and not e.fixed]
    foreign = [f"{name} {tuple(shape)}" for name, shape in shapes.items() if name not in by_name]
    other = [
        f"{name} is {tuple(shape)}, this network needs {by_name[name].array.shape}"
        for name, shape in shapes.items()
        if name in by_name and tuple(shape) != by_name[name].array.shape
    ]
    if not (missing or foreign or other):
        return
    words = [f"not in this network: {_some(foreign)}"] * bool(foreign)
    words += [f"missing: {_some(missing)}"] * bool(missing) + [_some(other)] * bool(other)
    raise CheckpointError(f"{what} is another model's: {'; '.join(words)}. {_what_next(needed, shapes)}")


def _what_next(needed: list[Entry], shapes: Mapping[str, Shape]) -> str:
    """If the layers' shapes fit one after the other, they only have other names there: which."""
    fixed = {entry.own_name for entry in needed if entry.fixed}
    here = _by_layer((e.layer.path, e.own_name, e.array.shape) for e in needed if not e.fixed)
    for order in (list(shapes), sorted(shapes, key=_numbers_by_size)):  # files keep no order
        split = [(name.rpartition("."), tuple(shapes[name])) for name in order]
        there = _by_layer((path, own, shape) for (path, _, own), shape in split if own not in fixed)
        if list(here.values()) == list(there.values()):
            names = {path: theirs for path, theirs in zip(here, there) if path != theirs}
            return f"The shapes fit one after the other: if the layers are the same, give names={names}"
    return (
        "Make a network of the model's layers, in its order; mc.interop.torch_state_dict(network) shows the names and "
        "shapes that this one needs, and names= says what the model calls a layer"
    )


def _by_layer(arrays: Iterable[tuple[str, str, Shape]]) -> dict[str, dict[str, Shape]]:
    """{path: {own name: shape}} from (path, own name, shape)."""
    layers: dict[str, dict[str, Shape]] = {}
    for path, own_name, shape in arrays:
        layers.setdefault(path, {})[own_name] = shape
    return layers


def _numbers_by_size(name: str) -> list[tuple[int, int, str]]:
    """A key to sort names by: "2.weight" before "10.weight"."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def _places(layer: Layer, names: Mapping[str, str], path: str = "", theirs: str = "") -> Iterator[Place]:
    """(path here, path there, layer) of the layer and its parts."""
    theirs = names.get(path, theirs) if path else theirs
    yield path, theirs, layer
    for name, part in layer.parts():
        unnamed = re.fullmatch(rf"(\d+)\.{type(part).__name__}", name)
        yield from _places(part, names, dotted(path, name), dotted(theirs, unnamed[1] if unnamed else name))


def _array(name: Any, value: Any) -> Array:
    """A tensor of PyTorch's or an array, as a NumPy array."""
    if isinstance(value, Mapping):
        raise CheckpointError(f"state_dict[{name!r}] is a mapping itself: give that one if it holds the weights")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        try:
            value = value.numpy()
        except TypeError:  # bfloat16, which NumPy has not
            value = value.float().numpy()
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise CheckpointError(f"state_dict[{name!r}] is no array of numbers: {error}") from None


def check_prototypes(layer: Any, given: Array, name: str) -> None:
    """CheckpointError unless the prototypes that came along are those of an RBF layer, in its number type."""
    own = layer.backend.to_numpy(layer.prototypes)
    if given.dtype.kind != "f" or given.shape != own.shape or not np.allclose(given, own, rtol=HALVED, atol=0):
        raise CheckpointError(
            f"holds other {name} than this network's: distances from them mean other classes. Make the network with "
            "mc.RBF of those prototypes, or leave them out to keep its own"
        )


def _some(words: list[str]) -> str:
    more = len(words) - MOST_NAMES
    return ", ".join(words[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
