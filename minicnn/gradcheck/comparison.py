"""One array's gradient against its difference quotients, element by element."""

import math
from dataclasses import dataclass

import numpy as np

from minicnn.gradcheck.differences import SHRINK, Element, judge, slopes
from minicnn.gradcheck.hints import gather, guess
from minicnn.gradcheck.report import ArrayCheck

SMALL = 1e-3
"""Gradients below this fraction of their array's largest, or of what the slope changes by within a step, are
compared on that scale."""

BENT = 1e-2
"""One-sided slopes that differ by more than this, relative, call for a closer look even if all seems right."""

ENOUGH = 20
"""So many elements proved wrong settle an array; the other doubtful ones are then counted unexamined."""


@dataclass(frozen=True)
class Settings:
    """What gradcheck was told: the step, the tolerance, and how many elements of an array to compare at most."""

    eps: float
    tolerance: float
    samples: float = math.inf

    def indices(self, shape, rng):
        """All indices of an array, or as many as allowed, drawn at random."""
        size = math.prod(shape)
        chosen = np.arange(size) if size <= self.samples else np.sort(rng.choice(size, self.samples, replace=False))
        return [tuple(map(int, np.unravel_index(i, shape))) for i in chosen]


class Comparison:
    """backward's values a and difference quotients n at ``indices``, the quotients' noise, and what was found."""

    def __init__(self, point, varied, indices, settings):
        self.point, self.varied, self.indices, self.settings = point, varied, indices, settings
        self.array, self.gradient, self.is_network = varied.array, varied.gradient, point.subject.is_network
        self.tolerance = settings.tolerance
        self.first = [self._slopes(index) for index in indices]
        self.a = np.array([self.gradient[index] for index in indices])
        self.n, self.noise = (np.array([getattr(s, field) for s in self.first]) for field in ("central", "noise"))
        sizes = np.abs(np.concatenate([self.gradient.ravel(), self.n]))
        self.bend = np.array([s.bend for s in self.first])
        bend = np.where(np.isfinite(self.bend), self.bend, 0.0)
        self.small = SMALL * np.maximum(sizes[np.isfinite(sizes)].max(initial=0.0), bend)
        self.kinks = self.outside = self.unsettled = 0
        self.left_out = np.zeros(len(indices), bool)
        self._look_closer()

    def _slopes(self, index, k=0):
        line = Element(self.array, index)
        return slopes(self.point, line, self.settings.eps * max(1.0, abs(line.value)) / SHRINK**k)

    def _scale(self):
        """What each element's error is relative to."""
        return np.maximum.reduce([np.abs(self.a), np.abs(self.n), self.small, self.noise / self.tolerance])

    def _errors(self):
        with np.errstate(invalid="ignore"):  # infinity - infinity
            error = np.abs(self.a - self.n) / np.where(self.a == self.n, 1.0, self._scale())
        return np.where(np.isfinite(error), error, np.inf)

    def _look_closer(self):
        """Judge every element whose first difference quotient leaves doubt, the worst first."""
        error, scale = self._errors(), self._scale()
        doubtful = np.flatnonzero((error > self.tolerance) | ~(self.bend <= BENT * scale))
        proved = 0
        for i in doubtful[np.argsort(-error[doubtful], kind="stable")]:
            if proved == ENOUGH:
                break
            size = abs(self.a[i]) if np.isfinite(self.a[i]) else 0.0
            accuracy = self.tolerance * max(size, self.small[i])
            verdict = judge(lambda k, i=i: self._slopes(self.indices[i], k), self.first[i], self.a[i], accuracy)
            self.n[i], self.noise[i] = verdict.numeric, verdict.noise
            wrong = bool(self._errors()[i] > self.tolerance)
            self.left_out[i] = verdict.at_kink and (not wrong or self.is_network)
            proved += wrong and not self.left_out[i]
            self.kinks += verdict.kink
            self.outside += wrong and verdict.at_kink
            self.unsettled += wrong and not verdict.settled

    def faint(self):
        """(why, what helps) if all gradients are 0 or near the rounding of y, so that nothing was compared, or None."""
        peak = np.abs(self.gradient[np.isfinite(self.gradient)]).max(initial=0.0)
        noise = max(slope.noise for slope in self.first)
        if peak <= 1e-3 * noise:  # 0 but for rounding
            return "every gradient is 0, and 0 = 0 shows nothing", "take another x, at which y follows it"
        if peak < 1e3 * noise:  # more has three digits to compare
            return f"gradients up to {peak:.0e} drown in the rounding of y, {noise:.0e}", "take a larger eps"
        return None

    def result(self):
        """The ArrayCheck; what is faint passes here, for only a look elsewhere can tell what it means."""
        objection = self.varied.objection
        error = np.where(self.left_out, -1.0, self._errors())
        wrong = len(error) if objection else int(np.count_nonzero(error > self.tolerance))
        left_out = int(np.count_nonzero(self.left_out))
        checked = len(error) - left_out
        doubts = self._doubts(checked)
        with np.errstate(all="ignore"):  # a guess may try what forward cannot take
            likely = guess(gather(self, error > self.tolerance)) if wrong and not objection else ""
        notes = [objection] if objection else []
        if 0 < wrong < checked:
            notes.append(f"{wrong} of {checked} elements disagree")
        if left_out:
            notes.append(f"left out {elements(left_out, 'that sits', 'that sit')} at a kink")
        if beside := self.kinks - left_out - (0 if self.is_network else self.outside):
            notes.append(f"{elements(beside, 'has', 'have')} a kink within the step and took a smaller one")
        if self.unsettled:
            notes.append(f"at {elements(self.unsettled)} differences do not settle: y jumps, or is not in float64")
        worst = int(error.argmax())
        return ArrayCheck(
            name=self.varied.name, shape=self.gradient.shape, size=self.gradient.size, checked=checked,
            error=float(error[worst]) if checked else math.nan, index=self.indices[worst] if checked else None,
            analytic=float(self.a[worst]) if checked else None, numeric=float(self.n[worst]) if checked else None,
            wrong=wrong, kinks=self.kinks, left_out=left_out, notes=tuple(notes + doubts),
            passed=not wrong and not doubts, likely=likely,
        )  # fmt: skip

    def _doubts(self, checked):
        """Why agreement of what was compared is not enough."""
        doubts = []
        if self.outside:
            doubts.append(f"at a kink, the gradient of {elements(self.outside)} is outside the slopes on both sides")
            if self.is_network:
                doubts.append("in a network where kinks meet that may be right: add a little noise to x and see")
        if not checked:
            doubts.append("nothing was left to compare: take another x")
        return doubts


def elements(count, singular="", plural=""):
    return f"{count} element{'s'[: count > 1]} {singular if count == 1 else plural}".rstrip()
