"""Layers one after the other: itself a layer."""

import re

import numpy as np

from minicnn.layers.base import Layer
from minicnn.layers.parameter import ParameterVector


class Sequential(Layer):
    """y = f_n(... f_2(f_1(x))); backward is the chain rule, from the last layer to the first.

    layers: a list of layers, or a mapping from names to layers. Unnamed layers are called after their class.
    All parameters move into one contiguous ``vector``; a parameter's name is "C1.weight".

    Raises ValueError for no layers or one that occurs twice, TypeError for one that is no Layer.
    """

    def __init__(self, layers):
        super().__init__()
        self.layers = named_layers(layers)
        self._join()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def second_backward(self, d2y):
        for layer in reversed(self.layers):
            d2y = layer.second_backward(d2y)
        return d2y

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, key):
        """The layer at an index, or with a name: ``net[0]``, ``net["C1"]``."""
        return pick(self.layers, key)

    def parts(self):
        names = {id(layer): layer.name for layer in self.layers}
        return [(names.get(id(part), name), part) for name, part in super().parts()]

    @property
    def dtype(self):
        """The number type of the parameters."""
        return self.vector.values.dtype if self.vector else np.dtype("float32")

    def decide(self, outputs):
        """The class each sample's outputs (classes, N) stand for, by the rule of the last layer."""
        return self.layers[-1].decide(outputs)

    def to(self, backend=None, dtype=None):
        super().to(backend, dtype)
        self._join()
        return self

    def _join(self):
        """Call layers and parameters by their paths, and gather all parameters in one vector."""
        for path, layer in self.walk():
            layer.path = path
        for name, p in self.named_parameters():
            p.name = name
        self.vector = ParameterVector(self.parameters(), self.backend.xp) if self.parameters() else None

    def __getstate__(self):
        return {**self.__dict__, "vector": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._join()  # copied or unpickled parameters no longer share memory

    def describe(self):
        return f"Sequential of {len(self.layers)} layers, {sum(p.size for p in self.parameters()):,} parameters"


def named_layers(layers, what="layers"):
    """The layers of a list, or of a mapping from names, each with a name: by default its place and class, "0.Linear".

    Raises ValueError for none, for a layer that occurs twice and for equal names, TypeError for what is no Layer.
    """
    named = list(layers.items()) if hasattr(layers, "items") else [(None, layer) for layer in layers]
    if not named:
        raise ValueError(f"{what} is empty: at least one layer is needed")
    places, names = {}, {}
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


def pick(layers, key):
    """The one of the layers at an index, or with a name; KeyError says which names there are."""
    if not isinstance(key, str):
        return layers[key]
    for layer in layers:
        if layer.name == key:
            return layer
    raise KeyError(f"no layer is called {key!r}; there are {', '.join(layer.name for layer in layers)}")
