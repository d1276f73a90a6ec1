"""What an object holds in its attributes: layers it is made of, Parameters, random generators.

A Layer knows it itself (``minicnn.layers.parts``); here the same is found for anything with a forward and a backward.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from minicnn.layers.base import Layer
from minicnn.layers.parameter import Parameter
from minicnn.layers.parts import dotted, held


@runtime_checkable
class Differentiable(Protocol):
    """Anything that has a forward and a backward, as a layer has."""

    def forward(self, *x): ...

    def backward(self, dy): ...


def parts(thing):
    """[(path, part)] of the layers that it is made of, not those that they are made of."""
    if isinstance(thing, Layer):
        return thing.parts()
    return [(name, part) for name, part in _of(thing, Differentiable) if not isinstance(part, type)]


def walk(thing, path="", seen=()):
    """(path, part) of ``thing`` itself, whose path is "", of its parts, theirs, and so on."""
    yield path, thing
    for name, part in parts(thing):
        if not any(part is outer for outer in seen):
            yield from walk(part, dotted(path, name), (*seen, thing))


def trained(thing):
    """[(name, Parameter)] of what its parameters() returns.

    A name is a path, as in files; but those that a parameters() of one's own lists have their own names, if unique.
    """
    if isinstance(thing, Layer):
        named = thing.named_parameters()
        if type(thing).parameters is Layer.parameters:
            return named
    else:
        paths = {id(p): path for path, p in parameters(thing)}
        returned = thing.parameters() if hasattr(thing, "parameters") else []
        named = [(paths.get(id(p)) or p.name or f"parameter{i}", p) for i, p in enumerate(returned)]
    own = [(p.name or path, p) for path, p in named]
    return own if len(dict(own)) == len(own) else named


def parameters(thing):
    """[(name, Parameter)] of all that it or a part holds, whether or not parameters() returns it."""
    if isinstance(thing, Layer):
        return thing.held_parameters()
    return [(dotted(path, p.name or name), p) for path, part in walk(thing) for name, p in _of(part, Parameter)]


def generators(thing):
    """[(name, Generator)] of all numpy Generators that it or a part draws from."""
    if isinstance(thing, Layer):
        return thing.named_generators()
    return [(dotted(path, name), g) for path, part in walk(thing) for name, g in _of(part, np.random.Generator)]


def _of(part, kind):
    return held(part, kind) if hasattr(part, "__dict__") else []
