"""Every layer's backward against central differences in float64, over random shapes and settings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import RANDOM, seeds

import minicnn as mc

TOLERANCE = 1e-6

few = settings(max_examples=25, deadline=None)


def agrees(report):
    """Nothing is wrong; no verdict only where every gradient is 0: units all off, pixels that nothing reads."""
    return all(a.passed or (a.verdict == "unclear" and "every gradient is 0" in a.notes[-1]) for a in report.arrays)


@pytest.mark.parametrize("kind", RANDOM)
@few
@given(data=st.data(), seed=seeds)
def test_backward_is_the_derivative_of_forward(kind, data, seed):
    layer, shape = data.draw(RANDOM[kind])
    report = mc.gradcheck(layer, np.random.default_rng(seed).standard_normal(shape), tolerance=TOLERANCE, rng=seed)
    assert agrees(report), report
    assert [array.name for array in report.arrays] == [name for name, _ in layer.named_parameters()] + ["x"]


@few
@given(data=st.data(), seed=seeds)
def test_max_pooling_of_images_with_ties(data, seed):
    layer, shape = data.draw(RANDOM["MaxPool2d"])
    x = np.random.default_rng(seed).integers(0, 4, shape)
    report = mc.gradcheck(layer, x, rng=seed)
    # the elements that tie lie at a kink; nothing is wrong with the others, if there are any
    assert report["x"].wrong == 0 and report["x"].checked + report["x"].left_out == x.size
    assert report or not report["x"].checked


@pytest.mark.parametrize("make, shape", [(mc.models.lenet5, (1, 32, 32, 2)), (mc.models.lenet_modern, (1, 28, 28, 2))])
def test_whole_networks(make, shape):
    report = mc.gradcheck(make(rng=0), np.random.default_rng(0).standard_normal(shape), samples=60)
    assert report, report
    assert report["x"].checked == 60


@few
@given(seed=seeds, squash=st.sampled_from((mc.ScaledTanh, mc.Tanh, mc.Sigmoid, mc.ReLU)))
def test_small_networks_of_all_kinds_of_layers(seed, squash):
    rng = np.random.default_rng(seed)
    net = mc.Sequential([
        mc.Conv2d(2, 3, 2, padding=1, rng=rng), squash(), mc.MaxPool2d(2, stride=1), mc.Subsampling(3, rng=rng),
        mc.AvgPool2d((1, 2)), mc.Flatten(), mc.Linear(6, 4, rng=rng), squash(), mc.RBF(rng.standard_normal((3, 4))),
    ])  # fmt: skip
    report = mc.gradcheck(net, rng.standard_normal((2, 4, 4, 2)))
    assert agrees(report), report
