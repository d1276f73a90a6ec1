"""Mistakes in normalisations: statistics taken as constants, a scale that is left out or applied twice."""

from itertools import combinations

import numpy as np

from minicnn.gradcheck.hints.patterns import FITS, same

LEAST = 4
"""So many elements of a group must follow a line before that is called a pattern."""


def constant_statistics(e):
    """n - a is a straight line in x in each group of elements: what a mean and a variance would have sent back.

    For y = (x - mean) / std, dx = 1/std (dy - mean(dy) - y mean(dy y)); the last two terms are the statistics'. Groups
    are what is left of x at one index of the axes that are kept: a map's (batch normalisation), a sample's, ...
    """
    if e.own_dy is None:
        return ""
    x = np.array([e.value[index] for index in e.indices])
    for count in range(min(len(e.shape), 3)):
        for kept in combinations(range(len(e.shape)), count):
            if words := _line_in_groups(e, x, kept):
                return words
    return ""


def _line_in_groups(e, x, kept):
    missing, keys = e.numeric - e.analytic, {}
    for i, index in enumerate(e.indices):
        keys.setdefault(tuple(index[axis] for axis in kept), []).append(i)
    groups = [np.array(group) for group in keys.values() if len(group) >= LEAST]
    if not groups:
        return ""
    flat, balanced, size = True, e.all, np.abs(missing).max()
    for group in groups:
        r, z = missing[group], x[group] - x[group].mean()
        if np.abs(r).max() <= FITS * size or not z.any():
            return ""
        tilt = (z @ r) / (z @ z)
        if np.abs(r - r.mean() - tilt * z).max() > FITS * np.abs(r).max():
            return ""
        flat = flat and np.abs(tilt * z).max() <= FITS * np.abs(r).max()
        balanced = balanced and abs(e.numeric[group].sum()) <= FITS * np.abs(e.numeric[group]).sum()
    if flat and not (balanced and np.ptp(missing) > FITS * size):
        return ""  # y = x - mean does not see what all x have in common, and each group has a mean of its own
    axes = tuple(axis for axis in range(len(e.shape)) if axis not in kept)
    over = f"over axis {axes[0]}" if len(axes) == 1 else f"over axes {axes}"
    if e.each is not None and (np.count_nonzero(e.each.reshape(len(e.each), -1), axis=1) <= 1).all():
        return f"forward takes mean and variance {over} as constants, and backward does not"
    why = "every x of a group moves all of its y"
    if flat:
        return f"the mean {over} is taken as a constant: {why}"
    return f"mean and variance {over} are taken as constants: {why}"


def from_another_factor(e):
    """The gradient of a scale, sum of dy · (what it multiplies), with y or x in place of the normalised x."""
    if e.is_input or e.dy.ndim < 2:
        return ""
    for name, factor in (("y", e.y), *e.inputs):
        if factor.shape != e.dy.shape:
            continue
        product = e.dy * factor
        for axes in (tuple(range(1, e.dy.ndim)), (e.dy.ndim - 1,)):
            summed = product.sum(axis=axes)
            if _wide(summed.shape) != _wide(e.shape):
                continue
            summed = summed.reshape(e.shape)
            if same(e.analytic, np.array([summed[index] for index in e.indices])):
                return f"it is the sum of dy · {name}: what y is multiplied with (the normalised x) belongs there"
    return ""


def _wide(shape):
    """A shape without the axes of length 1 that only make it meet another."""
    return [length for length in shape if length != 1]
