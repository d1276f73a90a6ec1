"""Handwritten gradients against central differences."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.gradcheck.comparison import Comparison, Settings
from minicnn.gradcheck.elsewhere import look_elsewhere
from minicnn.gradcheck.parts import wrong_parts
from minicnn.gradcheck.report import ArrayCheck, Report
from minicnn.gradcheck.second import check_second
from minicnn.gradcheck.subject import Subject
from minicnn.gradcheck.zeros import explain
from minicnn.layers.checks import positive
from minicnn.typing import ArrayLike, Seed


def gradcheck(layer: Any, x: ArrayLike | tuple[ArrayLike, ...], *, labels: ArrayLike | None = None,
              targets: ArrayLike | None = None, eps: float = 1e-4, tolerance: float = 1e-6, samples: int | None = None,
              rng: Seed = None, training: bool = True, second: bool = False) -> Report:  # fmt: skip
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
    wrong if not. An array does not pass if nothing is left to compare, if all its gradients drown in the rounding,
    or if all are 0 though y depends on it.

    The same is done once more at jittered parameters, after a forward with another x, for all elements of an array
    at once, along a random direction; the report tells when only that disagrees. A Parameter that the layer or one
    of its parts holds must be among ``parameters()``. Where something is wrong, each part is tried by itself, and those
    that are wrong are named.

    layer: a layer, a network or a loss (then ``labels=`` or ``targets=`` is what its forward takes beside x); or
    any object with such a forward and backward, and ``parameters()`` if it has some. A private copy of it is
    moved to float64 and checked where its backend is; neither it nor x is changed. The numpy Generators that it
    holds are set back before each call, so that a random layer draws the same numbers, and so are its buffers.
    training: the mode to check it in, by its ``train()`` or ``eval()``.
    x: real numbers of the shape that forward takes, cast to float64. A tuple is forward's arguments: backward then
    returns a tuple in the same order. Integers in a tuple are not differentiated, and what backward returns for them
    is not looked at; nor are those of a single x if forward takes nothing else or backward returns None.
    samples: check at most so many elements of each array, drawn at random. rng: seed or Generator of dy and of all
    that is drawn; None stands for 0, so that a check repeats itself.
    second: check ``second_backward`` as well, with a random positive d2y and at jittered parameters; that of each layer
    by itself, for a network only approximates the diagonal. "d2x" is Gauss-Newton's, d2x[j] = sum_i J[i, j]² d2y[i]
    with the Jacobian J from differences, "weight.curvature" that of a parameter, the same with its own Jacobian.
    A loss: the diagonal of the second derivative.

    >>> class Forgetful(mc.Tanh):
    ...     def slope(self, y):
    ...         return 1 - y  # the square is missing
    >>> x = np.random.default_rng(0).normal(size=(3, 2))
    >>> mc.gradcheck(mc.Tanh(), x).passed, mc.gradcheck(Forgetful(), x).passed
    (True, False)

    Raises TypeError or ValueError for an x or a setting that makes no sense, and for a layer that cannot be
    checked: no backward, one that returns None or another shape than x's, a forward that is not finite, not
    deterministic, not in float64, or writes to its input.
    """
    if not 1e-7 <= eps <= 1e-2:
        raise ValueError(f"eps must lie between 1e-7 (rounding) and 1e-2 (curvature), got {eps}")
    if not 1e-12 <= tolerance < 1:
        raise ValueError(f"tolerance must lie between 1e-12 and 1, got {tolerance}")
    for name, value in (("training", training), ("second", second)):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    settings = Settings(eps, tolerance, math.inf if samples is None else positive("samples", samples))
    rng = np.random.default_rng(0 if rng is None else rng)
    subject = Subject(layer, x, labels, targets, training)
    here = subject.at(subject.inputs, rng, repeat=True)
    comparisons = [Comparison(here, v, settings.indices(v.gradient.shape, rng), settings) for v in here.arrays]
    checks = [c.result() for c in comparisons]
    elsewhere = look_elsewhere(here, [i for i, check in enumerate(checks) if check.passed], settings, rng)
    checks = [elsewhere.wrong.get(i, check) for i, check in enumerate(checks)]
    checks = _faint(here, comparisons, checks, elsewhere.plain, rng)
    notes = list(elsewhere.notes)
    if any(check.wrong for check in checks):
        paths = wrong_parts(subject, here, settings, training, rng)
        notes += [f"{path} is wrong by itself: check it alone, with the x that it gets" for path in paths]
    missing = [_missing(path, p) for path, p in subject.missing]
    seconds, more = check_second(subject, here, settings, training, rng) if second else ((), ())
    return Report(subject.title, (*missing, *checks, *seconds), tolerance, (*notes, *more))


def _faint(here, comparisons, checks, plain, rng):
    """The checks, those without a verdict explained: arrays whose gradients are too small to compare."""
    faint = [c.faint() if check.passed else None for c, check in zip(comparisons, checks)]
    alone = all(why and i not in plain for i, why in enumerate(faint))
    for i, why in enumerate(faint):
        if why and i in plain:
            note = f"{why[0]}; elsewhere they are not so small, and agree"
            checks[i] = replace(checks[i], notes=(*checks[i].notes, note))
        elif why:
            checks[i] = explain(here, here.arrays[i], checks[i], why, alone, rng)
    return checks


def _missing(path, parameter):
    """The ArrayCheck of a Parameter that parameters() forgets."""
    return ArrayCheck(
        name=path, shape=tuple(parameter.shape), size=parameter.size, checked=0, error=math.nan, index=None,
        analytic=None, numeric=None, wrong=0, kinks=0, left_out=0, passed=False, missing=True,
        notes=("the layer holds it, but parameters() does not return it: it would not be trained",),
    )  # fmt: skip
