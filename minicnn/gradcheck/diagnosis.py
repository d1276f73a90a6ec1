"""What mistake does a wrong gradient look like? A guess is made only if a pattern fits every element compared."""

import numpy as np

FITS = 1e-5
"""Two gradients are the same if no elements differ by more than this fraction of the largest one."""

CONSTANT = 3
"""So many elements must have the same ratio before a factor is called a pattern."""


def guess(evidence):
    """The likely mistake in a few words, or "" if no pattern fits."""
    a, n = evidence.analytic, evidence.numeric
    if not evidence.wrong.any() or not np.isfinite(a).all() or not np.isfinite(n).all():
        return ""
    whole = nothing, factor, rearranged, one_sample, without_dy, of_another_layer
    for look in (*whole, sign_somewhere, frame, one_slice):
        if words := look(evidence):
            return words
    return ""


def same(a, b):
    return np.shape(a) == np.shape(b) and bool(np.all(np.abs(a - b) <= FITS * np.abs(b).max(initial=0.0)))


# ------------------------------------------------------------------------- patterns of the whole array


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
    for words, numeric in e.variants:
        n = numeric()
        if same(e.analytic[: len(n)], n):
            return words
    return ""


# ------------------------------------------------------- patterns of which elements are wrong, all known


def sign_somewhere(e):
    """Right in some elements, minus the right value in all others."""
    if e.wrong.sum() >= CONSTANT and same(e.analytic[e.wrong], -e.numeric[e.wrong]):
        return f"the sign is wrong{slab(e) or ' in all elements that disagree'}: minus what it must be"
    return ""


def frame(e):
    """Right inside, wrong in a frame of pixels along the border of maps (C, H, W, N) or of kernels (..., KH, KW)."""
    if not e.all or len(e.shape) < 3 or (e.is_input and len(e.shape) != 4):
        return ""
    axes = (1, 2) if e.is_input else (len(e.shape) - 2, len(e.shape) - 1)
    others = tuple(axis for axis in range(len(e.shape)) if axis not in axes)
    wrong = e.wrong.reshape(e.shape)
    all_right = ~wrong.any(axis=others)
    all_wrong = (wrong | (e.numeric.reshape(e.shape) == 0)).all(axis=others)
    if not all_right.any():
        return ""
    (height, width), right = all_right.shape, np.argwhere(all_right)
    (top, left), (bottom, after) = right.min(axis=0), right.max(axis=0) + 1
    inside = np.zeros_like(all_right)
    inside[top:bottom, left:after] = True
    if not (all_right[inside].all() and all_wrong[~inside].all()):
        return ""
    sides = {"top": top, "bottom": height - bottom, "left": left, "right": width - after}
    if max(sides["top"], sides["bottom"]) > bottom - top or max(sides["left"], sides["right"]) > after - left:
        return ""  # a frame wider than what it frames is none
    sides = [side for side, pixels in sides.items() if pixels]
    where = "all four borders" if len(sides) == 4 else f"the {' and '.join(sides)} border"
    what = "pixels" if e.is_input else "kernel elements"
    return (f"only the {what} at {where} are wrong, all others are right: a term is missing or too many where a window "
            "reaches into the padding or over the edge")  # fmt: skip


def one_slice(e):
    """Wrong in the whole of one slice, and nowhere else."""
    where = slab(e)
    return f"all that is wrong is{where}: is that part left out, or counted twice?" if where else ""


def slab(e):
    """" in index 2 of axis 0" if exactly these elements are wrong, else ""."""
    if not e.all or len(e.shape) < 2 or e.wrong.all():
        return ""
    wrong = e.wrong.reshape(e.shape)
    telling = np.abs(e.numeric.reshape(e.shape)) > 0
    for axis, length in enumerate(e.shape):
        places = np.flatnonzero(wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != axis)))
        if len(places) == 1 and length > 2:
            there = np.take(wrong | ~telling, places[0], axis=axis)
            if there.all() and there.size > 1:
                return f" in {name_of(e, axis)} {places[0]}"
    return ""


def name_of(e, axis):
    if axis == len(e.shape) - 1 and e.is_input:
        return "sample"
    if axis == 0 and len(e.shape) == 4:
        return "map" if e.is_input else "output map"
    return f"axis {axis}, index"
