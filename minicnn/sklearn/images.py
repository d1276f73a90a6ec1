"""From rows of numbers to images that LeNet-5 can see."""

import math

import numpy as np

from minicnn.data.transforms import INK, LENET5_1998

MOST = LENET5_1998.size
"""Pixels of a side that LeNet-5 sees."""

WIDE = 28
"""Pixels of a side that small images are enlarged to at most: MNIST's."""

ROWS = 4096
"""So many rows become images at once, that no second array of all the numbers is needed."""


def image_shape(features, shape=None):
    """(height, width) of images with so many pixels, by default of the smallest square that holds them.

    ValueError if LeNet-5 does not see such.
    """
    side = math.isqrt(features - 1) + 1 if features else 0
    height, width = shape or (side, side)
    if max(height, width) > MOST:
        raise ValueError(
            f"LeNet-5 sees {MOST}x{MOST} pixels, X has images of {height}x{width}: scale them down, or give at most "
            f"{MOST**2:,} features"
        )
    return height, width


def checked_range(pixel_range):
    """(background, ink) as floats; ValueError unless they are two finite numbers."""
    numbers = tuple(float(number) for number in pixel_range)
    if len(numbers) != 2 or not math.isfinite(numbers[1] - numbers[0]):
        raise ValueError(f"pixel_range must be (background, ink), two finite numbers, got {pixel_range!r}")
    return numbers


def images(X, shape, pixel_range):
    """X ``(n, features)`` -> uint8 ``(n, H, W)``.

    A feature is a pixel, row by row in ``shape``; what the last row lacks is background. Numbers from the first to the
    second of ``pixel_range`` become the bytes from 0 to 255, those beyond it 0 or 255. Each pixel of a small image
    becomes a square of k x k, k as large as makes it no larger than MNIST's 28.
    """
    height, width = shape
    k = max(1, WIDE // max(height, width))
    made = np.zeros((len(X), height * width), np.uint8)
    for start in range(0, len(X), ROWS):
        rows = X[start : start + ROWS]
        made[start : start + ROWS, : X.shape[1]] = _bytes(rows, *pixel_range)
    return made.reshape(-1, height, width).repeat(k, axis=1).repeat(k, axis=2)


def _bytes(X, background, ink):
    shares = (X.astype(np.float64) - background) / ((ink - background) or 1)
    return np.rint(INK * shares.clip(0, 1)).astype(np.uint8)
