"""Difference quotients along one element of an array or a direction: a slope, a kink, or neither."""

import math
from dataclasses import dataclass

import numpy as np

ROUNDING = 2 * np.finfo(np.float64).eps
"""How far a forward pass in float64 may be off, as a fraction of the largest number it returns."""

SHRINK = 10
"""Each further step is so many times smaller than the one before."""

STEPS = 5
"""How many steps are tried at an element where the first one leaves doubt."""


class Element:
    """One element of an array, to step along."""

    def __init__(self, array, index):
        self.array, self.index, self.value = array, index, float(array[index])

    def step(self, h):
        """Move it by ``h`` from where it was -> the step as float64 could take it."""
        self.array[self.index] = self.value + h
        return float(self.array[self.index]) - self.value


class Direction:
    """All elements of an array at once, each by its own part ``v`` of the step."""

    def __init__(self, array, v):
        self.array, self.kept, self.v = array, array.copy(), v

    def step(self, h):
        self.array[...] = self.kept + h * self.v
        return h


@dataclass(frozen=True)
class Slopes:
    """Of L = sum_i dy_i y_i along one line, at one step h.

    central = (L(+h) - L(-h)) / 2h, up to the rounding of h: the mean of both sides' slopes, weighted so that a
    step up which is not quite the step down does not bring in y''. left, right: dy_i (y_i(0) - y_i(-h)) / h and
    dy_i (y_i(+h) - y_i(0)) / h, one number for each output. rounding: the error to expect in them.
    """

    central: float
    left: np.ndarray
    right: np.ndarray
    rounding: np.ndarray

    @property
    def noise(self):
        """The rounding error to expect in ``central``."""
        return float(self.rounding.sum())

    @property
    def bend(self):
        """sum_i |right_i - left_i|: about h |y''| where y is smooth, and not small at a kink."""
        return float(np.abs(self.right - self.left).sum())

    def limits(self, coarser):
        """``left`` and ``right`` for a step of 0, by a straight line through those at this step and the last."""
        pairs = (self.left, coarser.left), (self.right, coarser.right)
        with np.errstate(invalid="ignore"):  # infinity - infinity, beyond y's domain
            return [now + (now - then) / (SHRINK - 1) for now, then in pairs]


def slopes(point, line, h):
    """Slopes of the point's L along a line (Element, Direction) at a step of h; its array is left as it was.

    Differences are taken of each output before they are added up, so that outputs which do not depend on the
    element cancel exactly.
    """
    y, dy, magnitude = point.y, point.dy, point.magnitude
    up = line.step(h)
    above = point.evaluate()
    down = -line.step(-h)
    below = point.evaluate()
    line.step(0)
    changed = above != below
    visible = np.where(changed, 1, 0) if changed.any() else np.ones(y.shape) / y.size  # a change too small to see
    largest = np.max([magnitude, *(np.abs(a[np.isfinite(a)]).max(initial=0) for a in (above, below))])
    with np.errstate(invalid="ignore", over="ignore"):  # a step may leave y's domain; then NaN says so
        left, right = dy * (y - below) / down, dy * (above - y) / up
        return Slopes(
            central=float((left * up + right * down).sum()) / (up + down),
            left=left,
            right=right,
            rounding=ROUNDING * largest / min(up, down) * np.abs(dy) * visible,
        )


@dataclass(frozen=True)
class Verdict:
    """numeric: the slope to compare with; noise: its rounding error; kink: one lies within the first step.

    at_kink: it sits at the element itself, so that no slope exists; ``numeric`` is then the number next to the
    analytic one that lies between the slopes on either side. settled: False if smaller steps brought no agreement;
    ``numeric`` is then the slope that the next step changed least, or the last one.
    """

    numeric: float
    noise: float
    kink: bool = False
    at_kink: bool = False
    settled: bool = True


def judge(measure, first, analytic, accuracy):
    """Look closer at one element: take smaller steps until the difference quotients settle -> Verdict.

    measure(k): Slopes for the first step divided by SHRINK^k; first = measure(0); accuracy: the absolute error
    that matters. Where y is smooth, left and right slope have the same limit. Where a kink lies beside the
    element, only the slope on the other side settles as the step shrinks, and is the derivative. Where both
    settle and differ, the kink sits at the element. Where neither does, y is no such function, or was computed in
    less than float64, and nothing is excused.
    """
    coarser, limits, kink, best = first, None, False, (math.inf, first.central, first.noise)
    for k in range(1, STEPS):
        now = measure(k)
        earlier, limits = limits, now.limits(coarser)
        left, right = limits
        smooth = np.abs(right - left).sum() <= accuracy / 4 + now.noise
        change = abs(now.central - coarser.central)
        best = (change, coarser.central, coarser.noise) if change < best[0] else best
        if smooth and change <= max(accuracy, now.noise) / 4:
            return Verdict(coarser.central, now.noise, kink)
        kink = kink or not smooth
        if earlier is not None:
            share = accuracy / 4 / max(1, np.count_nonzero(now.rounding))  # each output's, of those that change
            with np.errstate(invalid="ignore", divide="ignore"):
                drifts = [np.abs(new - old) / (share + now.rounding) for new, old in zip(limits, earlier)]
            if np.all((drifts[0] <= 1) | (drifts[1] <= 1)):
                # a side that drifts ten times too far has the kink on it; one that drifts less may still be right
                left, right = np.where(drifts[0] < 10, left, right), np.where(drifts[1] < 10, right, left)
                low, high = np.minimum(left, right).sum(), np.maximum(left, right).sum()
                at_kink = bool(high - low > accuracy / 2 + 2 * now.noise)
                return Verdict(float(np.clip(analytic, low, high)), now.noise, kink=True, at_kink=at_kink)
        coarser = now
    still_settling = best[0] == change
    numeric, noise = (now.central, now.noise) if still_settling else best[1:]
    return Verdict(numeric, noise, settled=False)
