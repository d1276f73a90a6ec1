"""Gradients that are 0 everywhere, or too small to see: right, or only unseen?"""

from dataclasses import replace

import numpy as np

from minicnn.gradcheck.differences import ROUNDING

TRIES = 3
"""So many other values of an array are tried to see whether y depends on it."""


def explain(point, varied, check, faint, alone, rng):
    """The ArrayCheck of an array whose gradients say nothing, neither here nor elsewhere, in words.

    It passes if y does not depend on the array at all, however much it is changed: then 0 is right. faint: (why the
    gradients say nothing, what helps). alone: nothing else was compared either, and so nothing passes.
    """
    why, help = faint
    if depends(point, varied, rng):
        return replace(check, passed=False, notes=(*check.notes, f"{why}: {help}"))
    if alone:
        return replace(check, passed=False, notes=(*check.notes, f"{why}: y does not depend on it"))
    note = "y does not depend on it, so 0 is right (a bias before a normalisation is such, and needless)"
    return replace(check, notes=(*check.notes, note))


def depends(point, varied, rng):
    """Whether y changes, beyond rounding, if all of the array becomes something else: here, and where all else does."""
    arrays = [other.array for other in point.arrays]
    kept = [array.copy() for array in arrays]
    try:
        with np.errstate(all="ignore"):
            for attempt in range(TRIES):
                for array in arrays if attempt else ():
                    _change(point.subject, array, rng)
                y, steps = point.evaluate(), _change(point.subject, varied.array, rng)
                unseen = 1e3 * ROUNDING * np.abs(y).max()
                promised = 0 if attempt else np.abs(varied.gradient * steps).sum()
                if not np.abs(point.evaluate() - y).max() <= unseen or promised > unseen * y.size:
                    return True
    except Exception:  # outside of what forward takes: nothing is known, and so nothing passes
        return True
    finally:
        for array, values in zip(arrays, kept):
            array[...] = values
    return False


def _change(subject, array, rng):
    """Make something else of an array -> by how much each element changed."""
    old = subject.host(array)
    size = np.sqrt(np.mean(old**2)) or 1.0
    steps = old * rng.uniform(-2.5, 0.5, old.shape) + rng.normal(0, size, old.shape)
    array[...] = subject.backend.asarray(old + steps)
    return steps
