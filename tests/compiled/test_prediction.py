"""Prediction through compiled loops says what the layers say."""

import numpy as np
import pytest
from quick import rest_slow

import minicnn as mc
from minicnn.compiled import prediction


def images(count):
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("dtype", rest_slow(["float32", "float64"]))
@pytest.mark.parametrize("count", rest_slow([1001, 256, 300]))
@pytest.mark.parametrize("model", [mc.models.lenet5, mc.models.lenet_modern])
def test_outputs_are_those_of_the_layers(model, count, dtype):
    pytest.importorskip("numba")
    net, digits = model(rng=0, dtype=dtype), images(count)
    expected = net.forward(net.input(digits))
    said = prediction.outputs(net, digits)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(said, expected, rtol=tolerance, atol=tolerance)
    assert said.dtype == net.dtype
    assert np.array_equal(net.outputs(digits), said) and np.array_equal(net.outputs(digits, threads=3), said)
    assert np.array_equal(net.predict(digits), net.decide(said))


def test_few_images_and_layers_of_ones_own_go_layer_by_layer():
    class Own(mc.ReLU):
        pass

    net = mc.Sequential([mc.Flatten(), Own(), mc.Linear(784, 10, rng=0)], preprocess=mc.data.transforms.UNIT)
    assert prediction.outputs(net, images(300)) is None
    assert prediction.outputs(mc.models.lenet5(rng=0), images(255)) is None
    assert net.outputs(images(300)).shape == (10, 300)


def test_feature_maps_as_outputs():
    pytest.importorskip("numba")
    net = mc.Sequential([mc.Conv2d(1, 2, 5, rng=0), mc.ScaledTanh()], preprocess=mc.data.transforms.UNIT)
    digits = images(260)
    said = net.outputs(digits)
    assert said.shape == (2, 24, 24, 260)
    np.testing.assert_allclose(said, net.forward(net.input(digits)), rtol=1e-5, atol=1e-6)


def test_predicting_leaves_what_the_layers_keep():
    net = mc.models.lenet5(rng=0)
    x = net.input(images(3))
    net.forward(x)
    kept = net["C1"].cols
    net.predict(images(300))
    assert net["C1"].cols is kept
