"""What a layer is made of: parameters, buffers, random generators and other layers, found where it holds them."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn.backend import Backend, get
from minicnn.layers.checks import floating
from minicnn.layers.parameter import Parameter
from minicnn.typing import Array, DType, Self

if TYPE_CHECKING:
    from minicnn.layers.base import Layer

COLLECTIONS, NUMBERS = (list, tuple, dict), {int}


class Parts:
    """The part of ``Layer`` that finds what the layer's attributes hold, themselves or in lists, tuples and mappings.

    So a layer made of layers needs no list of them: parameters, names, modes and devices follow by themselves.
    """

    _x_dtype: np.dtype[Any] | None = None

    backend: Backend
    """Where the layer's arrays live and what computes on them."""

    name = ""
    """What summaries and parameter names call this layer; the container that holds it sets it."""

    path = ""
    """Where it is in a network, as error messages say; the network sets it."""

    training = True
    """The mode: whether the layer is being trained (dropout drops, batch statistics count) or used."""

    buffers: tuple[str, ...] = ()
    """Names of attributes that are arrays, moved and saved with the layer but not trained, as running means are."""

    at_least_0: tuple[str, ...] = ()
    """Names of buffers that are never negative, as counts and variances are: in a file they show that it is damaged."""

    constants: tuple[str, ...] = ()
    """Names of attributes that are arrays, moved with the layer but neither trained nor saved."""

    @property
    def label(self) -> str:
        """What error messages call the layer: its place in the network, its name, or its class."""
        return self.path or self.name or type(self).__name__

    def parts(self) -> "list[tuple[str, Layer]]":
        """[(name, layer)] of the layers that this one is made of."""
        return held(self, Parts)

    def walk(self) -> "list[tuple[str, Layer]]":
        """[(path, layer)]: this layer, whose path is "", its parts, theirs, and so on.

        Raises ValueError for a layer at two places: it keeps what *one* backward needs.
        """
        found: list[tuple[str, Layer]] = []
        places: dict[int, str] = {}
        ahead: list[tuple[str, Any]] = [("", self)]
        while ahead:
            path, layer = ahead.pop()
            if id(layer) in places:
                both = f"{places[id(layer)] or 'the whole'} and {path}"
                raise ValueError(f"{self.label}: {both} are one layer: make a {type(layer).__name__} for each place")
            places[id(layer)] = path
            found.append((path, layer))
            ahead += [(dotted(path, name), part) for name, part in reversed(layer.parts())]
        return found

    def parameters(self) -> list[Parameter]:
        """The Parameters that are trained: the layer's own in the order of assignment, then those of its parts."""
        own = [p for _, p in held(self, Parameter)]
        return own + [p for _, part in self.parts() for p in part.parameters()]

    def held_parameters(self) -> list[tuple[str, Parameter]]:
        """[(name, Parameter)] of every Parameter that the layer or a part holds, trained or not.

        A name is the path to the layer and the Parameter's own name, or that of the attribute that holds it.
        """
        return [(dotted(path, p.own_name or name), p) for path, name, p in self._all(Parameter)]

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """[(name, Parameter)] of ``parameters``; ValueError if two have the same name."""
        names = {id(p): name for name, p in self.held_parameters()}
        trained = self.parameters()
        self._check_names()
        return [(names.get(id(p)) or p.own_name or f"parameter{i}", p) for i, p in enumerate(trained)]

    def named_buffers(self) -> list[tuple[str, Array]]:
        """[(name, array)] of the buffers of the layer and its parts."""
        return [(name, getattr(layer, attribute)) for name, (layer, attribute) in self.buffer_places().items()]

    def buffer_places(self) -> "dict[str, tuple[Layer, str]]":
        """{name: (layer, attribute)} of the buffers of the layer and its parts; those that are None are left out."""
        return {
            dotted(path, attribute): (layer, attribute)
            for path, layer in self.walk()
            for attribute in layer.buffers
            if getattr(layer, attribute) is not None
        }

    def named_generators(self) -> list[tuple[str, np.random.Generator]]:
        """[(name, numpy.random.Generator)] of the generators that the layer and its parts draw from."""
        return [(dotted(path, name), rng) for path, name, rng in self._all(np.random.Generator)]

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the layer and its parts: training, or with False evaluation; returns self."""
        if not isinstance(mode, (bool, np.bool_)):
            raise TypeError(f"mode must be True (training) or False (evaluation), got {mode!r}")
        self.training = bool(mode)
        for _, part in self.parts():
            part.train(mode)
        return self

    def eval(self) -> Self:
        """Set the mode of the layer and its parts to evaluation; returns self."""
        return self.train(False)

    def to(self, backend: str | Backend | None = None, dtype: DType | None = None) -> Self:
        """Move parameters, buffers and constants to ``backend`` and cast the real ones to ``dtype``; returns self.

        Gradients start again from zero, and what ``forward`` kept is for the old place: call it again.
        """
        old, parts = self.backend, [part for _, part in self.parts()]
        if backend is not None:
            self.backend = get(backend)
        dtype = None if dtype is None else floating(dtype)
        of_parts = {id(p) for part in parts for p in part.parameters()}
        for part in parts:
            part.to(None if backend is None else self.backend, dtype)
        self._x_dtype = None
        own = {id(p): p for p in [*self.parameters(), *(p for _, p in held(self, Parameter))] if id(p) not in of_parts}
        for p in own.values():
            p.hold(self.backend.asarray(old.to_numpy(p.value), dtype=dtype))
        for name, array in self._other_arrays().items():
            real = array.dtype.kind == "f"
            setattr(self, name, self.backend.asarray(old.to_numpy(array), dtype=dtype if real else None))
        return self

    def _other_arrays(self) -> dict[str, Array]:
        """{attribute: array} of the layer's own constants and buffers; None is none."""
        arrays = {name: getattr(self, name) for name in (*self.constants, *self.buffers)}
        return {name: array for name, array in arrays.items() if array is not None}

    def _all(self, kind: type) -> list[tuple[str, str, Any]]:
        """[(path of the layer, attribute, thing)] of this kind in the layer and its parts."""
        return [(path, name, thing) for path, layer in self.walk() for name, thing in held(layer, kind)]

    def _check_names(self) -> None:
        """ValueError if two parameters or buffers of the layer and its parts have the same name."""
        named = [(dotted(path, p.own_name or name), dotted(path, name)) for path, name, p in self._all(Parameter)]
        named += [(name, name) for name in self.buffer_places()]
        places: dict[str, str] = {}
        for name, place in named:
            if name in places:
                raise ValueError(f"{self.label}: {places[name]} and {place} are both called {name!r}")
            places[name] = place


@contextlib.contextmanager
def evaluating(network: Any) -> Iterator[Any]:
    """The network in evaluation mode within the block; every layer's old mode comes back after it."""
    modes = [(layer, layer.training) for _, layer in network.walk()]
    network.eval()
    try:
        yield network
    finally:
        for layer, mode in modes:
            layer.training = mode


def held(owner: object, kind: type) -> list[tuple[str, Any]]:
    """[(name, thing)] of the things of this kind that the owner's attributes hold, each once."""
    found: dict[int, tuple[str, Any]] = {}
    for attribute, value in vars(owner).items():
        if isinstance(value, kind):
            found.setdefault(id(value), (attribute, value))
        elif type(value) in COLLECTIONS:
            for name, thing in _within(attribute, value, kind):
                found.setdefault(id(thing), (name, thing))
    return list(found.values())


def _within(name: str, collection: Any, kind: type) -> list[tuple[str, Any]]:
    """[(name, thing)] of the things of this kind in a list, tuple or mapping, and in those inside it."""
    found = []
    for key, value in collection.items() if type(collection) is dict else enumerate(collection):
        if isinstance(value, kind):
            found.append((f"{name}.{key}", value))
        elif type(value) in COLLECTIONS and set(map(type, value)) != NUMBERS:  # no row of a table of connections
            found += _within(f"{name}.{key}", value, kind)
    return found


def dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
