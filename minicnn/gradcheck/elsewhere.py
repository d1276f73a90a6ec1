"""The same gradients at other places: at jittered parameters, and after a forward with another x.

gamma = 1, beta = 0, weights of 0: there wrong formulas give right numbers. And a layer that keeps its first x is right
until it sees a second one. All elements of an array are compared at once, along a random direction, which takes two
forwards; only an array that disagrees is looked at element by element.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from minicnn.gradcheck.comparison import SMALL, Comparison, Settings
from minicnn.gradcheck.differences import SHRINK, Direction, judge, slopes
from minicnn.gradcheck.jitter import another, jittered, with_values

MOST = 200
"""So many elements of an array that disagrees are compared, and one more that is known to be wrong."""


@dataclass
class Elsewhere:
    """wrong: {position: ArrayCheck} of the arrays that disagree elsewhere, by their place in ``Point.arrays``.

    plain: the positions whose gradients were large enough there to mean something. notes: what could not be done.
    """

    wrong: dict = field(default_factory=dict)
    plain: set = field(default_factory=set)
    notes: list = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """values: of the parameters, or None for those given; inputs: those given, or others. words: where this is."""

    values: list | None
    inputs: object
    words: str


def look_elsewhere(here, positions, settings, rng):
    """Compare the arrays at these positions of the Point ``here`` at other parameters and another x -> Elsewhere.

    Both are changed at once; where that disagrees, each is tried alone, to say which of them it takes.
    """
    found = Elsewhere()
    values = jittered(here.subject, rng) or None
    inputs = another(here, rng)
    by_values = values and Place(values, here.inputs, "at jittered parameters")
    by_x = inputs and Place(None, inputs, "with another x")
    both = by_values and by_x and Place(values, inputs, "at jittered parameters with another x")
    first = both or by_values or by_x
    if not first or not positions:
        return found
    suspects = _visit(first, here, positions, settings, rng, found)
    if both and suspects != {}:
        alone = positions if suspects is None else list(suspects)
        at_values = _visit(by_values, here, alone, settings, rng, found) or {}
        with_x = _visit(by_x, here, alone, settings, rng, found) or {}
    else:
        at_values, with_x = (suspects or {}, {}) if by_values else ({}, suspects or {})
    for position in sorted({*(suspects or {}), *at_values, *with_x}):
        if position not in with_x and position in at_values:
            note, likely = "agrees at the given parameters, but only there: the table shows jittered ones", ""
            check = at_values[position]
        elif position in with_x and position not in at_values:
            note, check = "agrees for the given x, but not after a forward with another one", with_x[position]
            keeps = _right_at_first(here, inputs, position, settings, rng)
            likely = "forward keeps its first x, or something computed from it" if keeps else ""
        else:
            note = "agrees here, but neither at jittered parameters nor with another x: the table shows those"
            check, likely = at_values.get(position) or suspects[position], ""
        found.wrong[position] = replace(check, notes=(note, *check.notes), likely=likely or check.likely)
    return found


def _right_at_first(here, inputs, position, settings, rng):
    """Whether the array's gradient is right with these inputs if they are the first that the layer sees."""
    with np.errstate(all="ignore"):
        point = here.subject.afresh().at(inputs, here.dy)
        return not disagreement(point, point.arrays[position], settings, rng)


def _visit(place, here, positions, settings, rng, found):
    """{position: ArrayCheck} of those that disagree there; None, and a note, if the layer cannot be run there."""
    subject = here.subject
    with with_values(subject, place.values), np.errstate(all="ignore"):
        try:
            point = subject.at(place.inputs, here.dy)
        except Exception as error:  # this place is not the caller's choice
            found.notes.append(f"could not be compared {place.words}: {type(error).__name__}: {error}")
            return None
        wrong = {}
        for position in positions:
            check, plain = _compare(point, point.arrays[position], settings, rng)
            if plain:
                found.plain.add(position)
            if check:
                wrong[position] = check
        return wrong


def disagreement(point, varied, settings, rng):
    """The ArrayCheck of an array whose gradient is wrong there, or None."""
    return _compare(point, varied, settings, rng)[0]


def _compare(point, varied, settings, rng):
    """(the ArrayCheck of an array that is wrong or None, whether its slope was large enough to mean something)."""
    agrees, plain = along(point, varied, np.ones(varied.gradient.shape), settings, rng)
    check = None if agrees else _element_by_element(point, varied, settings, rng)
    return check if check and check.wrong else None, plain


def along(point, varied, where, settings, rng):
    """Whether backward and differences agree on the slope along a random direction through the elements in ``where``.

    -> (they do, the slopes are large enough to mean something). The error is relative to the length of the vector of
    all elements' shares, so that shares which cancel do not count as disagreement.
    """
    value, gradient = point.subject.host(varied.array), varied.gradient
    v = rng.choice([-1, 1], value.shape) * rng.uniform(0.5, 1.5, value.shape) * np.maximum(1, np.abs(value)) * where
    if not np.isfinite(gradient * v).all():
        return False, True
    direction = Direction(varied.array, point.subject.backend.asarray(v))

    def measure(k):
        return slopes(point, direction, settings.eps / SHRINK ** (k + 1))

    first, analytic, size = measure(0), float((gradient * v).sum()), float(np.linalg.norm(gradient * v))

    def error(numeric, noise):
        bend = first.bend if np.isfinite(first.bend) else 0.0
        return abs(analytic - numeric) / max(size, abs(numeric), SMALL * bend, noise / settings.tolerance, 1e-300)

    plain = size > 1e3 * first.noise
    if error(first.central, first.noise) <= settings.tolerance:
        return True, plain
    verdict = judge(measure, first, analytic, settings.tolerance * max(size, SMALL * abs(first.central)))
    return error(verdict.numeric, verdict.noise) <= settings.tolerance, plain


def _element_by_element(point, varied, settings, rng):
    """The ArrayCheck of some elements of an array whose slope is wrong along some direction, a wrong one among them."""
    few = Settings(settings.eps, settings.tolerance, min(settings.samples, MOST))
    indices = few.indices(varied.gradient.shape, rng)
    if len(indices) < varied.gradient.size:
        indices = sorted({*indices, _locate(point, varied, settings, rng)})
    return Comparison(point, varied, indices, few).result()


def _locate(point, varied, settings, rng):
    """The index of an element that is wrong: of the elements, take the half that disagrees, again and again."""
    shape = varied.gradient.shape
    within = np.arange(varied.gradient.size)
    while len(within) > 1:
        half, rest = np.split(within, [len(within) // 2])
        where = np.zeros(varied.gradient.size)
        where[half] = 1
        agrees, _ = along(point, varied, where.reshape(shape), settings, rng)
        within = rest if agrees else half
    return tuple(map(int, np.unravel_index(within[0], shape)))
