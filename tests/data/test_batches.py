"""Batches: every sample once, the short one last, the same again from the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn.data import batch_indices


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 100), st.none() | st.integers(0, 2**32))
def test_every_sample_is_in_one_batch_and_only_the_last_is_short(count, batch_size, seed):
    batches = list(batch_indices(count, batch_size, seed))
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) == (count % batch_size or batch_size)


def test_order():
    in_order, shuffled, again, other = (
        np.concatenate(list(batch_indices(100, 7, seed))).tolist() for seed in (None, 0, 0, 1)
    )
    assert in_order == list(range(100))
    assert shuffled == again and len({tuple(order) for order in (in_order, shuffled, other)}) == 3


def test_a_generator_moves_on_from_epoch_to_epoch():
    rng = np.random.default_rng(5)
    first, second = (np.concatenate(list(batch_indices(50, 8, rng))) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, np.concatenate(list(batch_indices(50, 8, 5))))


@pytest.mark.parametrize(
    "count, batch_size, error, words",
    [
        (10, 0, ValueError, "batch_size must be at least 1, got 0"),
        (10, -3, ValueError, "batch_size must be at least 1, got -3"),
        (10, 2.0, TypeError, "batch_size must be an integer, got 2.0"),
        (0, 4, ValueError, "count must be at least 1, the data set is empty"),
        ("10", 4, TypeError, "count must be an integer, got '10'"),
    ],
)
def test_errors_come_at_the_call_not_at_the_first_batch(count, batch_size, error, words):
    with pytest.raises(error, match=words):
        batch_indices(count, batch_size, 0)
