"""Layers one after the other: itself a layer."""

import numpy as np

from minicnn.backend import get
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
        named = list(layers.items()) if hasattr(layers, "items") else [(None, layer) for layer in layers]
        if not named:
            raise ValueError("layers is empty: a network needs at least one layer")
        self.layers = [layer for _, layer in named]
        for index, (name, layer) in enumerate(named):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{index}] must be a Layer, got {type(layer).__name__}")
            if any(layer is earlier for earlier in self.layers[:index]):  # it keeps what *one* backward needs
                raise ValueError(f"layers[{index}] occurs twice: make a {type(layer).__name__} for each place")
            layer.name = name or layer.name or f"{index}.{type(layer).__name__}"
            for p in layer.parameters():
                p.name = f"{layer.name}.{p.name}"
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

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    @property
    def dtype(self):
        """The number type of the parameters."""
        return self.vector.values.dtype if self.vector else np.dtype("float32")

    def decide(self, outputs):
        """The class each sample's outputs (classes, N) stand for, by the rule of the last layer."""
        return self.layers[-1].decide(outputs)

    def to(self, backend=None, dtype=None):
        if backend is not None:
            self.backend = get(backend)
        for layer in self.layers:  # each moves its own parameters
            layer.to(self.backend if backend is not None else None, dtype)
        self._join()
        return self

    def _join(self):
        """Gather all parameters in one vector."""
        self.vector = ParameterVector(self.parameters(), self.backend.xp) if self.parameters() else None

    def __getstate__(self):
        return {**self.__dict__, "vector": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._join()  # copied or unpickled parameters no longer share memory

    def describe(self):
        return f"Sequential of {len(self.layers)} layers, {sum(p.size for p in self.parameters()):,} parameters"


def pick(layers, key):
    """The one of the layers at an index, or with a name; KeyError says which names there are."""
    if not isinstance(key, str):
        return layers[key]
    for layer in layers:
        if layer.name == key:
            return layer
    raise KeyError(f"no layer is called {key!r}; there are {', '.join(layer.name for layer in layers)}")
