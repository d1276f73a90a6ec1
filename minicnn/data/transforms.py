"""From bytes on the disk to a network's input."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from minicnn.typing import Array, DType

INK = np.iinfo(np.uint8).max
"""The byte of a pixel full of ink; 0 is background."""


@dataclass(frozen=True)
class Pixels:
    """x[0, h, w, n] = background + (ink - background) · images[n, h, w] / 255, in a frame of background.

    Calling it turns images ``(N, H, W)`` uint8 into x ``(1, size, size, N)`` of ``dtype``, centred; without a
    size into ``(1, H, W, N)``. Raises TypeError or ValueError for other images, or where they are larger.

    A byte has only 256 values, so each is computed once, in a table.
    """

    background: float
    ink: float
    size: int | None = None

    def __call__(self, images: Array, dtype: DType = "float32") -> Array:
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise TypeError(f"images must be uint8, got {images.dtype}")
        if images.ndim != 3:
            raise ValueError(f"images must have shape (N, H, W), got {images.shape}")
        table = _table(self.background, self.ink, np.dtype(dtype))
        count, height, width = images.shape
        high, wide = (height, width) if self.size is None else (self.size, self.size)
        top, left = (high - height) // 2, (wide - width) // 2
        if top < 0 or left < 0:
            raise ValueError(f"images must be at most {high}x{wide} pixels, got {height}x{width}")
        x = np.full((1, high, wide, count), table[0])
        x[0, top : top + height, left : left + width] = table.take(images).transpose(1, 2, 0)
        return x


@lru_cache
def _table(background: float, ink: float, dtype: np.dtype[Any]) -> Array:
    """What each of the 256 bytes becomes."""
    if dtype.kind != "f":
        raise TypeError(f"dtype must be a floating-point type, got {dtype}")
    return np.linspace(background, ink, INK + 1).astype(dtype)


LENET5_1998 = Pixels(background=-0.1, ink=1.175, size=32)
"""28x28 digits centred in 32x32, by the values of LeCun et al. 1998, section II.B: background -0.1, ink 1.175.
They chose them for a mean of roughly 0; over MNIST it is 0.03, with a variance of 0.12."""

UNIT = Pixels(background=0.0, ink=1.0)
"""Pixels from 0 to 1."""
