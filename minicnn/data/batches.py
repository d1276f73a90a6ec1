"""Which samples go together in a training step."""

import operator
from collections.abc import Iterator

import numpy as np

from minicnn.typing import Array, Seed


def batch_indices(count: int, batch_size: int, rng: Seed = None) -> Iterator[Array]:
    """Split the samples 0..count-1 into batches: an iterator over index arrays, every index in exactly one.

    All have ``batch_size`` indices but the last, which has what is left. rng: a numpy Generator (advanced by
    one shuffle) or a seed; None keeps the samples in order. Raises ValueError or TypeError, at once, unless
    count and batch_size are positive integers.
    """
    count, batch_size = _at_least_one("count", count), _at_least_one("batch_size", batch_size)
    order = np.arange(count) if rng is None else np.random.default_rng(rng).permutation(count)
    return (order[start : start + batch_size] for start in range(0, count, batch_size))


def _at_least_one(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < 1:
        what = "the data set is empty" if name == "count" else f"got {number}"
        raise ValueError(f"{name} must be at least 1, {what}")
    return number
