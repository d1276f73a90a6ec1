"""Layers one after the other: itself a layer."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from minicnn.backend import Backend
from minicnn.layers.base import Layer
from minicnn.layers.parameter import ParameterVector
from minicnn.typing import Array, DType, Self

Layers: TypeAlias = Iterable[Layer] | Mapping[str, Layer]


class Sequential(Layer):
    """y = f_n(... f_2(f_1(x))); backward is the chain rule, from the last layer to the first.

    layers: a list of layers, or a mapping from names to layers. Unnamed layers are called after their class.
    All parameters move into one contiguous ``vector``; a parameter's name is "C1.weight".

    >>> net = mc.Sequential({"hidden": mc.Linear(4, 3), "squash": mc.Tanh(), "out": mc.Linear(3, 2)})
    >>> [p.name for p in net.parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    >>> net.vector.values.shape
    (23,)

    Raises ValueError for no layers or one that occurs twice, TypeError for one that is no Layer.
    """

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.layers = named_layers(layers)
        self._join()

    def forward(self, x: Array) -> Array:
        """x as the first layer takes it -> y as the last one returns it."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        """dy of y's shape -> dx of x's."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def second_backward(self, d2y: Array) -> Array:
        """d2y of y's shape -> d2x of x's."""
        for layer in reversed(self.layers):
            d2y = layer.second_backward(d2y)
        return d2y

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> Layer:
        """The layer at an index, or with a name: ``net[0]``, ``net["C1"]``."""
        return pick(self.layers, key)

    def parts(self) -> list[tuple[str, Layer]]:
        names = {id(layer): layer.name for layer in self.layers}
        return [(names.get(id(part), name), part) for name, part in super().parts()]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type of the parameters."""
        return self.vector.values.dtype if self.vector else np.dtype("float32")

    def decide(self, outputs: Array) -> Array:
        """The class each sample's outputs (classes, N) stand for, by the rule of the last layer."""
        return self.layers[-1].decide(outputs)

    def to(self, backend: str | Backend | None = None, dtype: DType | None = None) -> Self:
        """As ``Layer.to``, and the parameters are gathered in one vector there."""
        super().to(backend, dtype)
        self._join()
        return self

    def _join(self) -> None:
        """Call layers and parameters by their paths, and gather all parameters in one vector."""
        for path, layer in self.walk():
            layer.path = path
        for name, p in self.named_parameters():
            p.name = name
        self.vector = ParameterVector(self.parameters(), self.backend.xp) if self.parameters() else None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "vector": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._join()  # copied or unpickled parameters no longer share memory

    def describe(self) -> str:
        return f"Sequential of {len(self.layers)} layers, {sum(p.size for p in self.parameters()):,} parameters"


def named_layers(layers: Layers, what: str = "layers") -> list[Layer]:
    """The layers of a list, or of a mapping from names, each with a name: by default its place and class, "0.Linear".

    Raises ValueError for none, for a layer that occurs twice and for equal names, TypeError for what is no Layer.
    """
    named = list(layers.items()) if hasattr(layers, "items") else [(None, layer) for layer in layers]
    if not named:
        raise ValueError(f"{what} is empty: at least one layer is needed")
    places: dict[int, int] = {}
    names: dict[str, int] = {}
    for index, (name, layer) in enumerate(named):
        if not isinstance(layer, Layer):
            raise TypeError(f"{what}[{index}] must be a Layer, got {type(layer).__name__}")
        kind = type(layer).__name__
        if id(layer) in places:  # it keeps what *one* backward needs
            both = f"{what}[{places[id(layer)]}] and {what}[{index}]"
            raise ValueError(f"{both} are one layer: make a {kind} for each place")
        by_place = re.fullmatch(rf"\d+\.{kind}", layer.name)
        layer.name = name or (layer.name if layer.name and not by_place else f"{index}.{kind}")
        if layer.name in names:
            raise ValueError(f"{what}[{names[layer.name]}] and {what}[{index}] are both called {layer.name!r}")
        places[id(layer)] = names[layer.name] = index
    return [layer for _, layer in named]


def pick(layers: Sequence[Any], key: int | str) -> Any:
    """The one of the layers at an index, or with a name; KeyError says which names there are."""
    if not isinstance(key, str):
        return layers[key]
    for layer in layers:
        if layer.name == key:
            return layer
    raise KeyError(f"no layer is called {key!r}; there are {', '.join(layer.name for layer in layers)}")
