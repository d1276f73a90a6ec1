"""What a guess at the mistake in a wrong gradient can rest on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.gradcheck import held
from minicnn.gradcheck.differences import Element, slopes
from minicnn.gradcheck.listening import listening
from minicnn.typing import Array


@dataclass(frozen=True)
class Evidence:
    """One array's gradient in every element compared.

    shape: of the array, whose elements at ``indices`` were compared; all: whether that is all of them. is_input:
    whether it is an input; value: the array itself. analytic, numeric (K,): backward's value and the difference
    quotient. wrong (K,): whether they disagree. y, dy: forward's result and its weights; inputs: (name, array) of
    forward's arguments. each (K, *y.shape): what each output brings to ``numeric``, or None where nobody can tell.
    samples: how many there are. variants: (words, function) pairs; each function returns what ``numeric`` would be at
    some of the elements if the layer were changed as the words say, or None where it refuses the change. branches():
    (path, what its backward returns) for each part of the layer whose gradient has this shape.
    """

    shape: tuple
    indices: list
    all: bool
    is_input: bool
    value: np.ndarray
    analytic: np.ndarray
    numeric: np.ndarray
    wrong: np.ndarray
    y: np.ndarray
    dy: np.ndarray
    inputs: tuple
    each: np.ndarray | None
    samples: int
    variants: tuple[tuple[str, Callable], ...]
    branches: Callable

    @property
    def own_dy(self):
        """dy at the very elements of x that were compared, or None if y has another shape."""
        if not self.is_input or self.shape != self.dy.shape:
            return None
        return np.array([self.dy[index] for index in self.indices])

    @property
    def parts(self):
        """What y's column for each of the N samples brings to ``numeric`` (K, N), or None where nobody can tell."""
        return None if self.each is None else self.each.reshape(len(self.each), -1, self.each.shape[-1]).sum(axis=1)

    @property
    def undirected(self):
        """What ``numeric`` would be if dy were 1 everywhere, or None."""
        return None if self.each is None else (self.each / self.dy).reshape(len(self.each), -1).sum(axis=1)


def gather(comparison: Any, wrong: Array) -> Evidence:
    """The Evidence of a Comparison in whose elements marked in ``wrong`` (K,) the values disagree."""
    c, point = comparison, comparison.point
    host, is_input, each = point.subject.host, comparison.varied.is_input, None
    if point.y.ndim and all(np.isfinite(s.left).all() and np.isfinite(s.right).all() for s in c.first):
        each = np.array([(s.left + s.right) / 2 for s in c.first])  # of every output, one element a row
    inputs = tuple(zip(point.inputs.names, map(host, point.inputs.arrays)))
    return Evidence(
        shape=c.gradient.shape, indices=c.indices, all=len(c.indices) == c.gradient.size and not c.left_out.any(),
        is_input=is_input, value=host(c.array), analytic=c.a, numeric=c.n, wrong=wrong, y=point.y, dy=point.dy,
        inputs=inputs, each=each, samples=(inputs[0][1].shape or (1,))[-1],
        variants=tuple(variants(c)) if is_input else (), branches=lambda: branches(c),
    )  # fmt: skip


def branches(comparison):
    """(path, gradient) of the parts of the layer, as one more backward shows: of those with the array's shape."""
    point, shares = comparison.point, []
    with listening(held.parts(point.subject.model), "backward", lambda path, _, dx: shares.append((path, dx))):
        point.evaluate()
        point.backward()
    shape = comparison.gradient.shape
    for path, dx in shares:
        if hasattr(dx, "shape") and tuple(dx.shape) == shape:
            dx = point.subject.host(dx)
            yield path, np.array([dx[index] for index in comparison.indices])


def variants(comparison):
    """(words, function) for each way in which a weight may have been used the wrong way round for dx, or not at all."""
    for name, p in comparison.point.subject.parameters:
        if p.value.ndim == 2 and p.value.shape[0] == p.value.shape[1]:
            yield f"dx is computed with {name} in place of its transpose", _with(comparison, p, lambda w: w.T)
        if p.value.ndim >= 3:
            words = f"dx is computed with the kernels of {name} turned round: which pixel does each weight belong to?"
            yield words, _with(comparison, p, lambda w: w[..., ::-1, ::-1])
        yield f"dx is computed without {name}, as if it were 1", _with(comparison, p, lambda w: 0 * w + 1)


def _with(comparison, parameter, change):
    """-> a function of elements: their difference quotients for a layer whose parameter is changed, or None."""

    def numeric(elements):
        c, kept = comparison, parameter.value.copy()
        parameter.value[...] = change(kept)
        try:
            point, lines = c.point.with_y_of_now(), (Element(c.array, c.indices[i]) for i in elements)
            return np.array([slopes(point, line, c.settings.eps).central for line in lines])
        except Exception:  # outside of what forward takes
            return None
        finally:
            parameter.value[...] = kept

    return numeric
