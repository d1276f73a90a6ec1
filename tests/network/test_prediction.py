"""From images to labels, in batches of any size."""

import numpy as np
import pytest

import minicnn as mc

IMAGES = mc.data.load_sample()[1].images[:7]


def test_predict_takes_images_or_arrays():
    net = mc.models.lenet5(rng=0)
    labels = net.predict(IMAGES, batch_size=3)
    assert labels.shape == (7,) and np.array_equal(labels, net.predict(net.input(IMAGES)))
    assert np.array_equal(labels, net.forward(net.input(IMAGES)).argmin(axis=0))


@pytest.mark.parametrize("batch_size", [None, 1, 2, 7, 100])
def test_the_size_of_the_batches_changes_nothing(batch_size):
    net = mc.models.lenet_modern(rng=0, dtype="float64")
    outputs = net.outputs(IMAGES, batch_size)
    assert outputs.shape == (10, 7)
    np.testing.assert_allclose(outputs, net.forward(net.input(IMAGES)), rtol=1e-12)


def test_outputs_are_the_callers():
    net = mc.models.lenet5(rng=0)
    first = net.outputs(IMAGES[:1])
    kept = first.copy()
    net.outputs(IMAGES[1:])
    assert np.array_equal(first, kept)


def test_images_need_a_network_that_knows_how_to_read_them():
    with pytest.raises(TypeError, match="need a network with preprocess="):
        mc.Sequential([mc.Flatten(), mc.Linear(784, 10)]).predict(IMAGES)


@pytest.mark.parametrize("images, words", [
    (IMAGES[0], r"images must have shape \(N, H, W\) or \(C, H, W, N\), got \(28, 28\)"),
    (IMAGES[:0], r"got \(0, 28, 28\)"),
    (np.full((1, 32, 32, 2), np.nan, "float32"), "images must be finite, got NaN or an infinite pixel"),
    (np.full((1, 32, 32, 2), np.inf, "float32"), "images must be finite"),
])  # fmt: skip
def test_what_cannot_be_read(images, words):
    with pytest.raises(ValueError, match=words):
        mc.models.lenet5(rng=0).predict(images)


MANY = mc.data.load_sample()[1].images[:300]


def with_dropout():
    return mc.Sequential([
        mc.Conv2d(1, 2, 5, stride=3, rng=0), mc.ReLU(), mc.Flatten(), mc.Dropout(0.5), mc.Linear(128, 10, rng=1),
    ], preprocess=mc.data.UNIT)  # fmt: skip


@pytest.mark.parametrize("images", [MANY, MANY[:9]], ids=["compiled", "layer by layer"])
def test_nothing_is_dropped_in_prediction(images):
    net = with_dropout()
    outputs = net.outputs(images)
    assert net.training and net[3].training
    sober = mc.Sequential([net[0], net[1], net[2], net[4]])
    np.testing.assert_allclose(outputs, sober.forward(net.input(images)), rtol=1e-4, atol=1e-5)


def test_running_statistics_take_the_place_of_a_batchs_own():
    net = mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0), mc.BatchNorm1d(10)], preprocess=mc.data.UNIT)
    net.forward(net.input(MANY))
    one_by_one = np.concatenate([net.outputs(MANY[i : i + 1]) for i in range(5)], axis=-1)
    np.testing.assert_allclose(one_by_one, net.outputs(MANY)[:, :5], rtol=1e-4, atol=1e-5)


def test_a_batch_that_a_layer_must_see_whole_is_not_cut():
    net = mc.Sequential(
        [mc.Flatten(), mc.Linear(784, 10, rng=0), mc.BatchNorm1d(10, track_running_stats=False)],
        preprocess=mc.data.UNIT,
    )  # fmt: skip
    expected = net.forward(net.input(MANY))
    np.testing.assert_allclose(net.outputs(MANY, batch_size=7), expected, rtol=1e-4, atol=1e-5)


def test_a_network_of_dropout_alone_says_what_it_sees():
    net = mc.Sequential([mc.Dropout()], preprocess=mc.data.UNIT)
    assert np.array_equal(net.outputs(MANY), net.input(MANY))
