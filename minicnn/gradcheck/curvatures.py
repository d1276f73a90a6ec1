"""Second derivatives from differences, beside those that second_backward says."""

import math
from dataclasses import dataclass

import numpy as np

from minicnn.gradcheck.comparison import BENT, ENOUGH, SMALL, elements
from minicnn.gradcheck.differences import ROUNDING, SHRINK, STEPS, Element, slopes
from minicnn.gradcheck.hints.patterns import same
from minicnn.gradcheck.report import ArrayCheck


@dataclass
class Compared:
    """Curvatures at some elements: second_backward's a, the differences' n, their rounding, and alternatives.

    others: (words, what n would be) for each known mistake.
    """

    a: np.ndarray
    n: np.ndarray
    noise: np.ndarray
    at_kink: np.ndarray
    tolerance: float
    others: tuple = ()

    def errors(self):
        """As in a Comparison; infinite for what is not a number, and -1 at a kink."""
        sizes = np.abs(np.concatenate([self.a, self.n]))
        small = SMALL * sizes[np.isfinite(sizes)].max(initial=0.0)
        scale = np.maximum(np.maximum(np.abs(self.a), np.abs(self.n)), np.maximum(small, self.noise / self.tolerance))
        with np.errstate(invalid="ignore"):
            error = np.abs(self.a - self.n) / np.where(scale > 0, scale, 1.0)
        return np.where(self.at_kink, -1.0, np.where(np.isfinite(error), error, np.inf))


def gauss_newton(point, varied, indices, a, d2y, settings):
    """a beside sum_i J[i, j]² d2y[i] for each element j, J from differences; smaller steps where there is doubt."""

    def measure(i, k):
        line = Element(varied.array, indices[i])
        s = slopes(point, line, settings.eps * max(1.0, abs(line.value)) / SHRINK**k)
        J, error = (s.left + s.right) / 2 / point.dy, s.rounding / np.abs(point.dy)
        numbers = (J**2 * d2y).sum(), ((2 * np.abs(J) + error) * error * d2y).sum(), (J * d2y).sum(), (J**2).sum()
        return numbers, s.bend, (np.abs(s.left) + np.abs(s.right)).sum()

    numbers, bend, sizes = zip(*(measure(i, 0) for i in range(len(indices))))
    n, noise, unsquared, without_d2y = np.array(numbers).T
    small = SMALL * np.max(sizes, initial=0.0, where=np.isfinite(sizes))
    bent = ~(np.array(bend) <= BENT * np.maximum(small, sizes))
    found = Compared(a, n, noise, bent, settings.tolerance, (
        ("the slopes are not squared: d2x = J² d2y, squared by element", unsquared),
        ("d2y is left out: every squared slope must be multiplied by it", without_d2y),
    ))  # fmt: skip
    proved = 0
    for i in np.flatnonzero(bent | (found.errors() > settings.tolerance)):
        if proved == ENOUGH and not bent[i]:
            continue
        for k in range(1, STEPS):
            (n[i], noise[i], unsquared[i], without_d2y[i]), bend, size = measure(i, k)
            found.at_kink[i] = not bend <= BENT * max(small, size)
            if 0 <= found.errors()[i] <= settings.tolerance:
                break
        proved += found.errors()[i] > settings.tolerance
    return found


def bends(point, varied, indices, settings):
    """(sum_i dy_i d²y_i/dv², its rounding) for each element v, from differences of backward."""
    position = next(i for i, other in enumerate(point.arrays) if other is varied)
    found = []
    for index in indices:
        line = Element(varied.array, index)
        h, sides = settings.eps * max(1.0, abs(line.value)), []
        for sign in (1, -1):
            line.step(sign * h)
            point.evaluate()
            sides.append(_gradients(point)[position][index])
        line.step(0)
        found.append(((sides[0] - sides[1]) / (2 * h), ROUNDING * np.abs(sides).max() / h))
    return np.array(found).T


def _gradients(point):
    dx = point.backward()
    host = point.subject.host
    return [host(p.grad) for _, p in point.subject.parameters] + [host(dx[i]) for i, _, _ in point.inputs.varied()]


def result(name, varied, indices, found, notes):
    """The ArrayCheck of one array's curvature."""
    a, n, error = found.a, found.n, found.errors()
    wrong, checked, worst = error > found.tolerance, int((~found.at_kink).sum()), int(error.argmax())
    likely = ""
    if np.isnan(a).all():
        notes.append("second_backward does not write it, or adds to what was there: it must overwrite it")
    elif wrong.any():
        clear = ~found.at_kink
        likely = next((words for words, other in found.others if same(a[clear], other[clear])), "")
        notes += [f"{wrong.sum()} of {checked} elements disagree"] * bool(wrong.sum() < checked)
    if left_out := int(found.at_kink.sum()):
        notes.append(f"left out {elements(left_out, 'that sits', 'that sit')} at a kink")
    if not checked:
        notes.append("nothing was left to compare: take another x")
    return ArrayCheck(
        name=name, shape=varied.gradient.shape, size=varied.gradient.size, checked=checked,
        error=float(error[worst]) if checked else math.nan, index=indices[worst] if checked else None,
        analytic=float(a[worst]) if checked else None, numeric=float(n[worst]) if checked else None,
        wrong=int(wrong.sum()), kinks=left_out, left_out=left_out, notes=tuple(notes),
        passed=not wrong.any() and checked > 0, likely=likely,
    )  # fmt: skip
