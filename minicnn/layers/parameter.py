"""Trainable arrays, and the one vector that holds all of a network's."""

import numpy as np


class Parameter:
    """A trainable array ``value`` and the gradient ``grad`` of the loss with respect to it.

    Both can be views into a network's ParameterVector, so assignment copies into them: ``p.grad = dy @ x.T``
    writes where the optimizer reads. An array of another shape is a ValueError, never broadcast.

    ``curvature``, None until a layer's ``second_backward`` writes it, is the diagonal of the loss's second
    derivative (Gauss-Newton).

    memory_order: value's axes from the slowest to the fastest in memory; None is C order. Conv2d keeps its
    weight in the order of im2col's rows, so that the weight as a matrix is a view of it, not a copy.
    """

    def __init__(self, value, name="", memory_order=None):
        self.name = name
        self.shape, self.size = value.shape, value.size
        self.memory_order = tuple(memory_order or range(value.ndim))
        self.hold(value)

    def __repr__(self):
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self.value.dtype})"

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k not in ("_value", "_grad", "vector")}

    def __setstate__(self, state):  # a copied or unpickled view would no longer share memory with its vector
        self.__dict__.update(state)
        self.bind(self.flat_value, self.flat_grad)

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, array):
        self._copy(self._value, array, "value")

    @property
    def grad(self):
        return self._grad

    @grad.setter
    def grad(self, array):
        self._copy(self._grad, array, "grad")

    @property
    def curvature(self):
        return None if self.flat_curvature is None else self._shaped(self.flat_curvature)

    @curvature.setter
    def curvature(self, array):
        if self.flat_curvature is None:
            self.flat_curvature = self.flat_value * 0
        self._copy(self.curvature, array, "curvature")

    def _copy(self, target, array, what):
        if np.shape(array) != self.shape:
            name = self.name or "parameter"
            raise ValueError(f"{name}.{what} has shape {self.shape}, got an array of {np.shape(array)}")
        if array is not target:  # p.grad += g has already written in place
            target[...] = array

    def hold(self, value):
        """Hold a copy of ``value`` of its own from now on, with a gradient of zero."""
        flat = value.transpose(self.memory_order).flatten()
        self.bind(flat, flat * 0)

    def bind(self, flat_value, flat_grad, vector=None):
        """Hold these stretches of memory from now on instead of copying into the old ones."""
        self.flat_value, self.flat_grad, self.vector = flat_value, flat_grad, vector
        self._value, self._grad = self._shaped(flat_value), self._shaped(flat_grad)
        self.flat_curvature = None

    def _shaped(self, flat):
        """A stretch of memory as an array of the parameter's shape."""
        in_memory = flat.reshape([self.shape[axis] for axis in self.memory_order])
        return in_memory.transpose(np.argsort(self.memory_order).tolist())


class ParameterVector:
    """All parameters of a network side by side: ``values`` and ``grads``, two vectors of the same length.

    Binds every parameter to its stretch of the vectors. One update, one norm, one array to copy or to save.

    values, grads: vectors to use (their contents are overwritten), for memory that is shared; else made here.
    Raises ValueError for no parameters or one that occurs twice, TypeError for mixed dtypes.
    """

    def __init__(self, parameters, xp, values=None, grads=None):
        if not parameters:
            raise ValueError("parameters is empty: there is nothing to train")
        if len({id(p) for p in parameters}) < len(parameters):
            raise ValueError("a Parameter occurs twice: each layer needs parameters of its own")
        dtypes = {p.value.dtype for p in parameters}
        if len(dtypes) > 1:
            raise TypeError(f"parameters mix dtypes {sorted(map(str, dtypes))}: call .to(dtype=...) first")
        size = sum(p.size for p in parameters)
        dtype = parameters[0].value.dtype
        self.values = xp.empty(size, dtype) if values is None else values
        self.grads = xp.empty(size, dtype) if grads is None else grads
        start = 0
        for p in parameters:
            stretch = slice(start, start + p.size)
            value, grad = p.value, p.grad
            p.bind(self.values[stretch], self.grads[stretch], vector=self)
            p.value, p.grad = value, grad
            start += p.size


def stretches(parameters):
    """The (values, grads) vectors behind ``parameters``: one pair for a whole network, else one a parameter."""
    vector = parameters[0].vector
    same = vector is not None and all(p.vector is vector for p in parameters)
    if same and sum(p.size for p in parameters) == vector.values.size:
        return [(vector.values, vector.grads)]
    return [(p.flat_value, p.flat_grad) for p in parameters]
