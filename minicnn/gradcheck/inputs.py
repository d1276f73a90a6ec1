"""What forward takes: one array or a tuple of them, of real numbers or of integers."""

import inspect
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Inputs:
    """arrays: forward's arguments; names: what the report calls them; real: which of them are differentiated.

    several: whether they came as a tuple, so that backward returns one.
    """

    names: tuple
    arrays: tuple
    real: tuple
    several: bool

    def varied(self):
        """(position, name, array) of those that are differentiated."""
        return [(i, name, a) for i, (name, a, real) in enumerate(zip(self.names, self.arrays, self.real)) if real]

    def with_arrays(self, arrays):
        return replace(self, arrays=tuple(arrays))

    def numbered(self):
        """The same, called "x[0]", "x[1]", ..."""
        return replace(self, names=tuple(f"x[{i}]" for i in range(len(self.names))))


def read(x, forward, backend):
    """x as Inputs: a tuple is forward's arguments, anything else the only one.

    A tuple's real arrays become float64, its integers and truth values stay what they are and are not
    differentiated. A single array of integers is taken for real numbers; ``as_integers`` takes it for what it is.
    """
    if not isinstance(x, tuple):
        return Inputs(("x",), (backend.asarray(real_numbers("x", x, backend)),), (True,), False)
    if not x:
        raise ValueError("x is an empty tuple: give the arrays that forward takes")
    names = _argument_names(forward, len(x))
    given = [_numpy(name, a, backend) for name, a in zip(names, x)]
    real = tuple(a.dtype.kind not in "iub" for a in given)
    arrays = (real_numbers(name, a, backend) if r else a for name, a, r in zip(names, given, real))
    return Inputs(names, tuple(backend.asarray(a) for a in arrays), real, True)


def as_integers(x, backend):
    """A single array of integers as Inputs that are not differentiated, or None if x is anything else."""
    array = None if isinstance(x, tuple) else np.array(backend.to_numpy(x) if hasattr(x, "dtype") else x)
    if array is None or array.dtype.kind not in "iu":
        return None
    return Inputs(("x",), (backend.asarray(array),), (False,), False)


def real_numbers(name, values, backend):
    """``values`` as a float64 NumPy array of its own; TypeError or ValueError unless they are finite reals."""
    array = _numpy(name, values, backend)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        index = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} must be finite, got {array[index]} at {index}")
    return array.astype(np.float64)


def _numpy(name, values, backend):
    array = np.array(backend.to_numpy(values) if hasattr(values, "dtype") else values)
    if not array.size:
        raise ValueError(f"{name} is empty, shape {array.shape}")
    return array


def _argument_names(forward, count):
    """forward's own names of its first ``count`` arguments, or "x[0]", "x[1]", ... if it does not tell."""
    try:
        arguments = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        arguments = ()
    positional = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    return tuple(positional[:count]) if len(positional) >= count else tuple(f"x[{i}]" for i in range(count))
