"""Trainable arrays, and the one vector that holds all of a network's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.typing import Array


class Parameter:
    """A trainable array ``value`` and the gradient ``grad`` of the loss with respect to it.

    Both can be views into a network's ParameterVector, so assignment copies into them: ``p.grad = dy @ x.T``
    writes where the optimizer reads. An array of another shape is a ValueError, never broadcast.

    name: what it is called in its layer, by default as the attribute that holds it. In a network ``name`` then is the
    whole path, "C1.weight".

    ``curvature``, None until a layer's ``second_backward`` writes it, is the diagonal of the loss's second
    derivative (Gauss-Newton). ``vector`` is the ParameterVector that the other two are part of, or None.

    >>> p = mc.Parameter(np.zeros(3))
    >>> same = p.value
    >>> p.value = np.arange(3.0)
    >>> print(same)
    [0. 1. 2.]
    """

    def __init__(self, value: Array, name: str = "") -> None:
        if not (hasattr(value, "dtype") and hasattr(value, "shape")):
            raise TypeError(f"value must be an array, got {type(value).__name__}")
        self.name = self.own_name = name
        self.shape, self.size = value.shape, value.size
        self._curvature: Array | None = None
        self.hold(value)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self.value.dtype})"

    def __getstate__(self) -> dict[str, Any]:  # a copied or unpickled view no longer shares memory with its vector
        return {**self.__dict__, "vector": None}

    @property
    def value(self) -> Array:
        """The trainable array. Assignment copies into it, so that it stays in place; ValueError for another shape."""
        return self._value

    @value.setter
    def value(self, array: Array) -> None:
        self._copy(self._value, array, "value")

    @property
    def grad(self) -> Array:
        """dL/dvalue, of value's shape: what the last ``backward`` wrote. Assignment as for ``value``."""
        return self._grad

    @grad.setter
    def grad(self, array: Array) -> None:
        self._copy(self._grad, array, "grad")

    @property
    def curvature(self) -> Array | None:
        """The diagonal of d²L/dvalue², of value's shape, or None before the first ``second_backward``."""
        return self._curvature

    @curvature.setter
    def curvature(self, array: Array) -> None:
        if self._curvature is None:
            self._curvature = np.zeros_like(self._value)
        self._copy(self._curvature, array, "curvature")

    def _copy(self, target: Array, array: Array, what: str) -> None:
        if np.shape(array) != self.shape:
            name = self.name or "parameter"
            raise ValueError(f"{name}.{what} has shape {self.shape}, got an array of {np.shape(array)}")
        if array is not target:  # p.grad += g has already written in place
            target[...] = array

    def hold(self, value: Array) -> None:
        """Hold a copy of ``value`` of its own from now on, with a gradient of zero."""
        value = value.copy()
        self.bind(value, np.zeros_like(value))

    def bind(self, value: Array, grad: Array, vector: "ParameterVector | None" = None) -> None:
        """Hold these two arrays themselves from now on instead of copying into the old ones."""
        self._value, self._grad, self._curvature, self.vector = value, grad, None, vector


class ParameterVector:
    """All parameters of a network side by side: ``values`` and ``grads``, two vectors of the same length.

    Binds every parameter to its stretch of the vectors, in C order. One update, one norm, one array to copy or to
    save. Raises ValueError for no parameters or one that occurs twice, TypeError for mixed dtypes.
    """

    def __init__(self, parameters: Sequence[Parameter], xp: Any) -> None:
        if not parameters:
            raise ValueError("parameters is empty: there is nothing to train")
        if len({id(p) for p in parameters}) < len(parameters):
            raise ValueError("a Parameter occurs twice: each layer needs parameters of its own")
        dtypes = {p.value.dtype for p in parameters}
        if len(dtypes) > 1:
            raise TypeError(f"parameters mix dtypes {sorted(map(str, dtypes))}: call .to(dtype=...) first")
        self.values = xp.concatenate([p.value.reshape(-1) for p in parameters])
        self.grads = xp.concatenate([p.grad.reshape(-1) for p in parameters])
        start = 0
        for p in parameters:
            value, grad = (array[start : start + p.size].reshape(p.shape) for array in (self.values, self.grads))
            p.bind(value, grad, vector=self)
            start += p.size


def stretches(parameters: Sequence[Parameter]) -> list[tuple[Array, Array]]:
    """The (values, grads) vectors behind ``parameters``: one pair for a whole network, else one a parameter."""
    vector = parameters[0].vector
    same = vector is not None and all(p.vector is vector for p in parameters)
    if same and sum(p.size for p in parameters) == vector.values.size:
        return [(vector.values, vector.grads)]
    return [(p.value.reshape(-1), p.grad.reshape(-1)) for p in parameters]
