"""Handwritten gradients against central differences."""

import math

import numpy as np

from minicnn.gradcheck.comparison import Comparison
from minicnn.gradcheck.report import Report
from minicnn.gradcheck.subject import Subject
from minicnn.layers.checks import positive


def gradcheck(layer, x, *, labels=None, targets=None, eps=1e-4, tolerance=1e-6, samples=None, rng=None):
    """Compare ``layer.backward`` with central differences of ``layer.forward`` -> Report, truthy if they agree.

    For every element v of every parameter and of x, with L = sum(y · dy) and a random dy (a loss: L itself),

        dL/dv  ~  (L(v + h) - L(v - h)) / 2h,    h = eps · max(1, |v|)

    and the relative error of a = backward's value against n = the difference quotient is

        |a - n| / max(|a|, |n|, m/1000, noise / tolerance)

    with m the largest |a| or |n| of the array, or what the slope changes by from v - h to v + h. So elements that
    are tiny beside the rest of their array, at the bottom of a valley or lost in the rounding of L are not judged
    by digits that nobody could know, and 0 against 0 is no error. An array passes if its largest error is at most
    ``tolerance``. Where a kink (ReLU's corner, a tie in max pooling) disturbs the differences, smaller steps are
    taken; an element that sits at the kink itself is left out if a lies between the slopes on either side, and
    wrong if not. An array does not pass if nothing is left to compare or all its gradients drown in the rounding.

    layer: a layer, a network or a loss (then ``labels=`` or ``targets=`` is what its forward takes beside x); or
    any object with such a forward and backward, and ``parameters()`` if it has some. A private copy of it is
    moved to float64 and checked where its backend is; neither it nor x is changed.
    x: real numbers of the shape that forward takes, cast to float64. samples: check at most so many elements of
    each array, drawn at random. rng: seed or Generator of dy and the draw; None stands for 0, so that a check
    repeats itself.

    Raises TypeError or ValueError for an x or a setting that makes no sense, and for a layer that cannot be
    checked: no backward, one that returns None or another shape than x's, a forward that is not finite, not
    deterministic, not in float64, or writes to its input.
    """
    if not 1e-7 <= eps <= 1e-2:
        raise ValueError(f"eps must lie between 1e-7 (rounding) and 1e-2 (curvature), got {eps}")
    if not 1e-12 <= tolerance < 1:
        raise ValueError(f"tolerance must lie between 1e-12 and 1, got {tolerance}")
    samples = math.inf if samples is None else positive("samples", samples)
    rng = np.random.default_rng(0 if rng is None else rng)
    subject = Subject(layer, x, labels, targets, rng)
    checks = []
    for name, array, gradient, objection in subject.arrays:
        chosen = np.arange(gradient.size)
        if gradient.size > samples:
            chosen = np.sort(rng.choice(gradient.size, samples, replace=False))
        indices = [tuple(map(int, np.unravel_index(i, gradient.shape))) for i in chosen]
        checks.append(Comparison(subject, array, gradient, indices, eps, tolerance).result(name, objection))
    return Report(subject.title, tuple(checks), tolerance)
