"""Dropout: what it drops, when, and that it can be repeated."""

import numpy as np
import pytest

import minicnn as mc

X = np.random.default_rng(0).standard_normal((50, 40))


def test_while_training_a_share_is_left_out_and_the_rest_grows():
    y = mc.Dropout(0.3, rng=1).forward(X)
    kept = y != 0
    np.testing.assert_allclose(y[kept], X[kept] / 0.7, rtol=1e-15)
    assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.3 * 0.7 / X.size)


def test_gradients_take_the_way_of_the_values():
    layer = mc.Dropout(0.5, rng=1)
    y = layer.forward(X)
    factor = np.where(y == 0, 0, 2.0)
    dy = np.random.default_rng(2).standard_normal(X.shape)
    assert np.array_equal(layer.backward(dy), factor * dy)
    assert np.array_equal(layer.second_backward(dy**2), factor**2 * dy**2)


def test_every_forward_draws_anew_and_equal_seeds_draw_alike():
    layer, twin = mc.Dropout(rng=5), mc.Dropout(rng=5)
    first, second = layer.forward(X), layer.forward(X)
    assert not np.array_equal(first, second)
    assert np.array_equal(twin.forward(X), first) and np.array_equal(twin.forward(X), second)


@pytest.mark.parametrize("layer", [mc.Dropout(0.9).eval(), mc.Dropout(0)], ids=["in evaluation mode", "of 0"])
def test_nothing_is_dropped(layer):
    y = layer.forward(X)
    assert np.array_equal(y, X) and not np.shares_memory(y, X)
    assert np.array_equal(layer.backward(X), X)


def test_the_number_type_is_the_callers():
    for dtype in ("float32", "float64"):
        layer = mc.Dropout(0.3)
        assert layer.forward(X.astype(dtype)).dtype == layer.backward(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_impossible_probabilities(p):
    with pytest.raises(ValueError, match="p must be a probability of at least 0 and below 1"):
        mc.Dropout(p)
