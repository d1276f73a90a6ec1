"""From a drawing or a picture to a digit as MNIST has them.

MNIST's digits were scaled to fit a 20x20 box, their proportions kept, and put into 28x28 pixels so that the centre of
mass of their ink lies in the middle (LeCun et al. 1998, section III.A). Ink is 255, background 0.
"""

import numpy as np

from minicnn.data.transforms import INK

SIDE, BOX = 28, 20
FAINT = 0.15
"""Less ink than this share of the darkest pixel does not count when looking for where the digit is."""
CONTRAST = 40
"""A picture whose darkest and lightest parts differ by fewer grey levels shows nothing."""
REACH, ROUNDS = 4, 4
"""The paper around a pixel reaches as far as the picture's shorter side divided by this; how often it is looked for."""


def as_mnist(ink):
    """ink (H, W) uint8, of any size -> (28, 28) uint8: scaled to a 20x20 box and centred by mass.

    Without any ink the result is empty too. Raises TypeError or ValueError for anything but such an array.
    """
    ink = _checked(ink)
    digit = np.zeros((SIDE, SIDE), np.uint8)
    strong = ink > FAINT * ink.max()
    if not strong.any():
        return digit
    crop = ink[_extent(strong.any(axis=1)), _extent(strong.any(axis=0))]
    height, width = (max(1, round(BOX * side / max(crop.shape))) for side in crop.shape)
    small = _means(crop.shape[0], height) @ crop @ _means(crop.shape[1], width).T
    top, left = (_place(small.sum(axis=1 - axis)) for axis in (0, 1))
    digit[top : top + height, left : left + width] = np.rint(small)
    return digit


def ink_of_picture(grey):
    """grey (H, W) uint8, a photograph or a scan -> ink (H, W) uint8: the background, dark or light, becomes 0.

    A local threshold: the background at a pixel is the mean of the paper around it, so that shade does not matter, and
    paper is what differs from that by less than 1.5 standard deviations; a few rounds settle what is paper. Of what is
    darker and what is lighter than the background the stronger is ink. What differs most becomes full ink, what differs
    by less than a quarter of that is taken for paper or noise. Raises ValueError for a picture of nothing.
    """
    grey = _checked(grey).astype(np.float64)
    reach = max(1, min(grey.shape) // REACH)
    paper = np.ones_like(grey)
    for _ in range(ROUNDS):
        count = _box(paper, reach)
        everywhere = (grey * paper).sum() / paper.sum()
        background = np.where(count > 0, _box(grey * paper, reach) / np.maximum(count, 1), everywhere)
        difference = grey - background
        deviation = np.sqrt((difference**2 * paper).sum() / paper.sum())
        paper = (np.abs(difference) <= 1.5 * deviation).astype(np.float64)
    darker, lighter = np.maximum(-difference, 0), np.maximum(difference, 0)
    ink = darker if (darker**2).sum() >= (lighter**2).sum() else lighter
    most = ink.max()
    if most < CONTRAST:
        raise ValueError(f"the picture shows nothing: its grey levels differ by {most:.0f}, they must by {CONTRAST}")
    return np.rint(INK * np.clip((ink / most - 0.25) / 0.75, 0, 1)).astype(np.uint8)


def _box(values, reach):
    """The sum of all values at most ``reach`` rows and columns away from each, by differences of running sums."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.cumsum(np.insert(values, 0, 0, axis=axis), axis=axis)
        first, last = np.maximum(np.arange(length) - reach, 0), np.minimum(np.arange(length) + reach + 1, length)
        values = sums.take(last, axis=axis) - sums.take(first, axis=axis)
    return values


def _checked(pixels):
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, got {pixels.dtype}")
    if pixels.ndim != 2 or not pixels.size:
        raise ValueError(f"pixels must have shape (H, W), got {pixels.shape}")
    return pixels


def _extent(occupied):
    """From the first to the last True."""
    places = np.flatnonzero(occupied)
    return slice(places[0], places[-1] + 1)


def _means(count, fewer):
    """The matrix (fewer, count) that turns ``count`` pixels of a line into means over ``fewer`` equal stretches."""
    edges = np.linspace(0, count, fewer + 1)
    pixel = np.arange(count)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(overlap, 0, None) * (fewer / count)


def _place(mass):
    """Where a line of pixels with these masses must start for its centre of mass to lie at the middle of 28."""
    centre = (mass @ np.arange(len(mass))) / mass.sum()
    return min(max(round(SIDE / 2 - centre), 0), SIDE - len(mass))
