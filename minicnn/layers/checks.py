"""What layers refuse: errors that name the layer, the argument, what was given and what is needed."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from minicnn.layers.parameter import Parameter
from minicnn.typing import DType, Pair

Connections: TypeAlias = Sequence[Sequence[int]]
"""For each output map the input maps that it reads."""

MASKED = (np.ma.MaskedArray, np.matrix)
"""Kinds of NumPy arrays whose operators mean something else: ``x * y`` skips elements, or is a matrix product."""


BACKWARD = {"dy": "backward", "d2y": "second_backward"}
"""Which method takes what."""


class Checks:
    """The part of ``Layer`` that looks at arguments, so that forward and backward can be mathematics alone."""

    def _check_input(self, x, *shape):
        """Raise unless x has this shape; a letter stands for any size, as in ``(6, "H", "W", "N")``.

        ``...`` alone stands for any shape at all.
        """
        if not hasattr(x, "shape") or isinstance(x, MASKED):
            raise TypeError(f"{self.label}: x must be an array, got {type(x).__name__}")
        fits = len(x.shape) == len(shape) and all(
            isinstance(need, str) or got == need for got, need in zip(x.shape, shape)
        )
        if not fits and shape != (...,):
            need = ", ".join(map(str, shape))
            raise ValueError(f"{self.label}: x must have shape ({need}), got {tuple(x.shape)}")
        if 0 in x.shape:
            raise ValueError(f"{self.label}: x is empty, shape {tuple(x.shape)}")
        dtypes = [p.value.dtype for p in vars(self).values() if isinstance(p, Parameter)] or [
            array.dtype for array in self._other_arrays().values() if array.dtype.kind == "f"
        ]
        if any(x.dtype != dtype for dtype in dtypes):
            raise TypeError(
                f"{self.label}: x is {x.dtype} but the layer is {dtypes[0]}: cast x, or layer.to(dtype=...)"
            )
        if x.dtype.kind != "f":
            raise TypeError(f"{self.label}: x must hold real numbers (float32 or float64), got {x.dtype}")
        self._x_dtype = x.dtype

    def _check_gradient(self, dy, y_shape, name="dy"):
        """Raise unless dy (or d2y) has the shape of the y that ``forward`` returned (None: it was never called)."""
        if y_shape is None:
            raise RuntimeError(f"{self.label}: {BACKWARD[name]} needs a forward first")
        if not hasattr(dy, "shape") or isinstance(dy, MASKED):
            raise TypeError(f"{self.label}: {name} must be an array, got {type(dy).__name__}")
        if tuple(dy.shape) != tuple(y_shape):
            raise ValueError(f"{self.label}: {name} must have the shape of y, {tuple(y_shape)}, got {tuple(dy.shape)}")
        if self._x_dtype is not None and dy.dtype != self._x_dtype:
            raise TypeError(f"{self.label}: {name} must be {self._x_dtype} as x was, got {dy.dtype}")


def floating(dtype: DType) -> np.dtype[Any]:
    """``dtype`` as a NumPy dtype; TypeError unless it is float32 or float64."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    return dtype


def positive(name: str, value: int, minimum: int = 1) -> int:
    """``value`` as an int; ValueError or TypeError, naming the argument, unless it is one >= minimum."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def yes_or_no(name: str, value: bool) -> bool:
    """``value`` as a bool; TypeError, naming the argument, unless it is one."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def pair(name: str, value: Pair, minimum: int = 1) -> tuple[int, int]:
    """``value`` as (vertical, horizontal): an integer stands for both."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} must be an integer or a pair of them, got {value!r}")
    vertical, horizontal = (positive(name, v, minimum) for v in values)
    return vertical, horizontal


def group_table(groups: int, connections: object, in_channels: int, out_channels: int) -> list[list[int]]:
    """The connection table of ``groups`` equal groups; ValueError, naming the argument, where there are none."""
    if connections is not None:
        raise ValueError(f"connections and groups={groups} both say which maps are connected: give one of them")
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise ValueError(f"groups must divide {name}, {channels}, got {groups}")
    inputs, outputs = in_channels // groups, out_channels // groups
    return [list(range(o // outputs * inputs, (o // outputs + 1) * inputs)) for o in range(out_channels)]


def connection_table(connections: Connections, in_channels: int, out_channels: int) -> list[list[int]]:
    """``connections`` as a list of input maps for each output map; ValueError or TypeError for anything else."""
    try:
        table = [[positive(f"connections[{o}]", c, 0) for c in maps] for o, maps in enumerate(connections)]
    except TypeError as error:
        raise TypeError(f"connections must list integers for each output map: {error}") from None
    if len(table) != out_channels:
        raise ValueError(f"connections must list {out_channels} output maps, got {len(table)}")
    for o, maps in enumerate(table):
        if not maps or len(set(maps)) < len(maps) or not set(maps) <= set(range(in_channels)):
            raise ValueError(
                f"connections[{o}] must name distinct input maps from 0 to {in_channels - 1}, got {maps}"
            )
    return table
