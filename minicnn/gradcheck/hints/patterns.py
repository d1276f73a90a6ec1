"""Mistakes that show in the whole of a gradient: a factor, a sign, a transpose, a sum that is missing."""

import numpy as np

FITS = 1e-5
"""Two gradients are the same if no elements differ by more than this fraction of the largest one."""

FEW, MOST = 3, 300
"""So many elements tell that a gradient is not another layer's, and so many that it is."""

CONSTANT = 3
"""So many elements must have the same ratio before a factor is called a pattern."""


def same(a, b):
    return np.shape(a) == np.shape(b) and bool(np.all(np.abs(a - b) <= FITS * np.abs(b).max(initial=0.0)))


def nothing(e):
    return "" if e.analytic.any() else "nothing is written to it: all of it is 0"


def factor(e):
    """a = c n with one c for all elements."""
    size = float(e.numeric @ e.numeric)
    c = float(e.numeric @ e.analytic) / size if size else 0.0
    if not c or not same(e.analytic, c * e.numeric):
        return ""
    known = {-1: "the sign is wrong: all of it is minus what it must be"}
    if e.samples > 1:
        n = e.samples
        known[1 / n] = f"it is 1/{n} of what it must be, and there are {n} samples: a mean where the formula has a sum"
        known[n] = f"it is {n} times what it must be, the number of samples: a sum where the formula has a mean"
    for special, words in known.items():
        if abs(c / special - 1) < FITS:
            return words
    if np.count_nonzero(np.abs(e.numeric) > 1e-3 * np.abs(e.numeric).max()) < CONSTANT:
        return ""
    return f"a factor is missing or too many: all of it is {c:.4g} times what it must be"


def rearranged(e):
    """a is n with axes of equal length exchanged, or turned round."""
    if not e.all or len(e.shape) < 2:
        return ""
    a, n = e.analytic.reshape(e.shape), e.numeric.reshape(e.shape)
    for first, second in ((i, j) for j in range(n.ndim) for i in range(j)):
        if e.shape[first] == e.shape[second] > 1 and same(a, n.swapaxes(first, second)):
            words = "it is transposed" if n.ndim == 2 else f"its axes {first} and {second} are exchanged"
            return f"{words}: right numbers in wrong places"
    for axes in ((-2, -1), (-2,), (-1,)):
        if n.ndim > 2 and same(a, np.flip(n, axes)):
            return "it is turned round along its last axes: is a kernel flipped?"
    return ""


def one_sample(e):
    """Only one sample's share of a parameter's gradient."""
    if e.is_input or e.parts is None or e.samples < 2:
        return ""
    for which, column in (("first", 0), ("last", -1)):
        if same(e.analytic, e.parts[:, column]):
            return f"only the {which} of {e.samples} samples counts: the sum over the samples is missing"
    return ""


def without_dy(e):
    """Each output's slope as if dy were 1."""
    if e.undirected is None or not same(e.analytic, e.undirected):
        return ""
    return "dy is left out: by the chain rule, every slope must be multiplied by it"


def of_another_layer(e):
    """The gradient of a layer whose parameter is transposed or flipped."""
    largest = np.argsort(-np.abs(e.analytic))
    for words, numeric in e.variants:
        if all(_is_that_of(e, numeric, largest[:count]) for count in (FEW, MOST)):
            return words
    return ""


def _is_that_of(e, numeric, elements):
    n = numeric(elements)
    return n is not None and same(e.analytic[elements], n)
