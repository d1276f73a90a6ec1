"""NumPy on the CPU: the reference primitives as they are."""

import numpy as np

from minicnn.backend.base import Backend
from minicnn.typing import Array


class NumpyBackend(Backend):
    """The primitives as ``Backend`` has them, on NumPy."""

    name = "numpy"

    def __init__(self) -> None:
        super().__init__(np)

    def to_numpy(self, a: Array) -> Array:
        return np.asarray(a)
