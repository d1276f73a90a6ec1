"""What a guess at the mistake in a wrong gradient can rest on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minicnn.gradcheck.differences import slopes

MOST = 300
"""So many elements are enough to recognise the gradient of another layer by."""


@dataclass(frozen=True)
class Evidence:
    """One array's gradient in every element compared.

    shape: of the array, whose elements at ``indices`` were compared; all: whether that is all of them. is_input:
    whether it is x. analytic, numeric (K,): backward's value and the difference quotient. wrong (K,): whether they
    disagree. parts (K, N): what each of the N samples brings to ``numeric``, or None where nobody can tell.
    undirected (K,): what the gradient would be if dy were 1 everywhere, or None. variants: (words, function) pairs;
    each function returns what ``numeric`` would be if the layer were changed as the words say.
    """

    shape: tuple
    indices: list
    all: bool
    is_input: bool
    analytic: np.ndarray
    numeric: np.ndarray
    wrong: np.ndarray
    samples: int
    parts: np.ndarray | None = None
    undirected: np.ndarray | None = None
    variants: tuple[tuple[str, Callable], ...] = ()


def gather(comparison, wrong):
    """The Evidence of a Comparison in whose elements marked in ``wrong`` (K,) the values disagree."""
    c, subject = comparison, comparison.subject
    is_input = c.array is subject.x
    parts = undirected = None
    if subject.y.ndim and all(np.isfinite(s.left).all() and np.isfinite(s.right).all() for s in c.first):
        each = np.array([(s.left + s.right) / 2 for s in c.first])  # of every output, one element a row
        parts = each.reshape(len(each), -1, subject.y.shape[-1]).sum(axis=1)
        undirected = (each / subject.dy).reshape(len(each), -1).sum(axis=1)
    return Evidence(
        shape=c.gradient.shape, indices=c.indices, all=len(c.indices) == c.gradient.size and not c.left_out.any(),
        is_input=is_input, analytic=c.a, numeric=c.n, wrong=wrong, samples=subject.x.shape[-1], parts=parts,
        undirected=undirected, variants=tuple(variants(c)) if is_input else (),
    )  # fmt: skip


def variants(comparison):
    """(words, function) for each way in which a weight may have been used the wrong way round for dx."""
    for p in comparison.subject.parameters:
        if p.value.ndim == 2 and p.value.shape[0] == p.value.shape[1]:
            yield f"dx is computed with {p.name} in place of its transpose", _with(comparison, p, lambda w: w.T)
        if p.value.ndim >= 3:
            words = f"dx is computed with the kernels of {p.name} turned round: which pixel does each weight belong to?"
            yield words, _with(comparison, p, lambda w: w[..., ::-1, ::-1])


def _with(comparison, parameter, change):
    """-> a function that returns the first MOST difference quotients for a layer whose parameter is changed."""

    def numeric():
        c, kept = comparison, parameter.value.copy()
        parameter.value[...] = change(kept)
        try:
            y = c.subject.evaluate()
            return np.array([
                slopes(c.subject.evaluate, c.array, index, c.eps, y, c.subject.dy, 1.0).central
                for index in c.indices[:MOST]
            ])  # fmt: skip
        finally:
            parameter.value[...] = kept

    return numeric
