"""Normalisation: running statistics, modes and refusals; the tests of all layers compare gradients."""

import numpy as np
import pytest

import minicnn as mc

X = np.random.default_rng(0).normal(3, 2, (4, 5, 6, 7))


def test_in_training_every_map_has_mean_0_and_variance_1():
    y = mc.BatchNorm2d(4, eps=1e-12, dtype="float64").forward(X)
    np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(1, 2, 3)), 1, rtol=1e-9)


def test_running_statistics_follow_and_then_take_over():
    layer = mc.BatchNorm2d(4, momentum=0.25, dtype="float64")
    layer.forward(X)
    np.testing.assert_allclose(layer.running_mean, 0.25 * X.mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * X.var(axis=(1, 2, 3), ddof=1))
    before = layer.running_mean
    y = layer.eval().forward(X)
    assert layer.running_mean is before and layer.num_batches_tracked == 1
    deviation = np.sqrt(layer.running_var + 1e-5)
    np.testing.assert_allclose(y[2], (X[2] - layer.running_mean[2]) / deviation[2])
    assert not layer.whole_batch and layer.train().whole_batch


def test_without_momentum_they_are_the_mean_of_all_batches():
    layer = mc.BatchNorm1d(3, momentum=None, dtype="float64")
    batches = np.random.default_rng(1).standard_normal((4, 3, 8))
    for x in batches:
        layer.forward(x)
    np.testing.assert_allclose(layer.running_mean, batches.mean(axis=2).mean(axis=0))


def test_without_running_statistics_the_batchs_count_in_either_mode():
    layer = mc.BatchNorm2d(4, track_running_stats=False, dtype="float64")
    y = layer.forward(X)
    assert np.array_equal(layer.eval().forward(X), y) and layer.whole_batch and not layer.named_buffers()


def test_a_layer_norm_looks_at_one_sample_alone():
    layer = mc.LayerNorm((4, 5), eps=1e-12, elementwise_affine=False, dtype="float64")
    y = layer.forward(X)
    np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 1)), 1, rtol=1e-9)
    assert not layer.parameters() and not layer.whole_batch


@pytest.mark.parametrize(
    "layer, shape, words",
    [
        (mc.BatchNorm1d(3), (3, 1), r"x must have more than one value a channel to train, got shape \(3, 1\)"),
        (mc.BatchNorm2d(3), (3, 1, 1, 1), "more than one value a channel"),
        (mc.BatchNorm2d(3), (3, 4), r"x must have shape \(3, H, W, N\), got \(3, 4\)"),
        (mc.BatchNorm2d(3), (2, 4, 4, 2), r"x must have shape \(3, H, W, N\), got \(2, 4, 4, 2\)"),
        (mc.BatchNorm1d(3), (3, 4, 4, 2), r"x must have shape \(3, N\)"),
        (mc.LayerNorm((2, 3)), (3, 2, 5), r"x must have shape \(2, 3, N\), got \(3, 2, 5\)"),
        (mc.LayerNorm((2, 3)), (2,), r"x must have shape \(2, 3, N\), got \(2,\)"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        layer.forward(np.ones(shape, "float32"))


def test_one_value_is_enough_after_training():
    assert mc.BatchNorm1d(3).eval().forward(np.ones((3, 1), "float32")).shape == (3, 1)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: mc.BatchNorm2d(0), ValueError, "num_features must be at least 1, got 0"),
        (lambda: mc.BatchNorm2d(2, eps=0), ValueError, "eps must be positive and finite, got 0"),
        (lambda: mc.BatchNorm1d(2, momentum=1.5), ValueError, "momentum must lie in 0..1, or be None"),
        (lambda: mc.LayerNorm(()), ValueError, "normalized_shape is empty"),
        (lambda: mc.LayerNorm((2, 0)), ValueError, "normalized_shape must be at least 1, got 0"),
        (lambda: mc.LayerNorm(2.5), TypeError, "normalized_shape must be an integer"),
    ],
)
def test_settings_that_make_no_sense(make, error, words):
    with pytest.raises(error, match=words):
        make()
