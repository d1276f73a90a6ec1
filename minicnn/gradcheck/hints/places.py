"""Mistakes that show in which elements of a gradient are wrong: a border, a slice, a sign here and there."""

import numpy as np

from minicnn.gradcheck.hints.patterns import CONSTANT, same


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
    """The words " in axis 0, index 2" if exactly these elements are wrong, else ""."""
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
