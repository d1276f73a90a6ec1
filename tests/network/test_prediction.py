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
