"""The words that signatures use: what an array is, its shape, a seed, a file's path."""

import os
import typing
from typing import TYPE_CHECKING, Any, NewType, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from typing_extensions import Self as Self

    Array: TypeAlias = npt.NDArray[Any]
    """An array of the backend in use. To a type checker it is NumPy's; CuPy's ship no types, and so pass for it."""

    ArrayLike: TypeAlias = npt.ArrayLike
    """An array, or what NumPy makes one of: a list of numbers, say."""

    DType: TypeAlias = npt.DTypeLike
    """float32 or float64, as NumPy's type or its name."""
else:  # names of their own, so that help() says Array and not three lines of what that stands for
    Array, ArrayLike, DType = (NewType(name, np.ndarray) for name in ("Array", "ArrayLike", "DType"))
    Self = getattr(typing, "Self", Any)  # Python 3.10 has none

Shape: TypeAlias = tuple[int, ...]

Pair: TypeAlias = int | tuple[int, int]
"""(vertical, horizontal), or one integer for both."""

Sizes: TypeAlias = tuple[int, int]
"""(vertical, horizontal)."""

Seed: TypeAlias = int | np.random.Generator | None
"""What random numbers are drawn from; None seeds from the operating system, unless the function says otherwise."""

FilePath: TypeAlias = str | os.PathLike[str]
