"""No false alarms: every layer of ours, random ones and networks of them, in both modes, second derivatives too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc

sizes, batches, seeds = st.integers(1, 4), st.integers(2, 5), st.integers(0, 2**32 - 1)


@st.composite
def vectors(draw, make):
    """(a layer of random size, shape of x): three of each at least, for two numbers that are normalised become ±1
    whatever they are, and slopes of eps alone are lost in the rounding."""
    features, rng = draw(st.integers(3, 6)), np.random.default_rng(draw(seeds))
    return make(features, rng), (features, draw(st.integers(3, 5)))


@st.composite
def maps(draw, make):
    channels, rng = draw(sizes), np.random.default_rng(draw(seeds))
    return make(channels, rng), (channels, 2 * draw(st.integers(2, 3)), 2 * draw(st.integers(2, 3)), draw(batches))


def jumbled(layer, rng):
    """The layer with parameters and buffers that are not what they were made as."""
    for p in layer.parameters():
        p.value = p.value + rng.standard_normal(p.shape).astype(p.value.dtype)
    for name, (owner, attribute) in layer.buffer_places().items():
        if not name.endswith("num_batches_tracked"):
            setattr(owner, attribute, rng.uniform(0.5, 2, getattr(owner, attribute).shape).astype("float32"))
    return layer


def convolution(channels, rng):
    return mc.Conv2d(channels, 3, 3, padding=1, stride=rng.integers(1, 3), rng=rng)


def grouped(channels, rng):
    return mc.Conv2d(2 * channels, 2 * channels, 2, padding=1, dilation=2, groups=2, rng=rng)


LAYERS = {
    "Linear": vectors(lambda n, rng: mc.Linear(n, 3, rng=rng)), "Conv2d": maps(convolution),
    "Subsampling": maps(lambda n, rng: mc.Subsampling(n, rng=rng)), "AvgPool2d": maps(lambda n, rng: mc.AvgPool2d(2)),
    "Conv2d in groups": maps(grouped).map(lambda case: (case[0], (2 * case[1][0], *case[1][1:]))),
    "GlobalAvgPool2d": maps(lambda n, rng: mc.GlobalAvgPool2d()), "LeakyReLU": maps(lambda n, rng: mc.LeakyReLU(0.1)),
    "AvgPool2d, padded": maps(lambda n, rng: mc.AvgPool2d(3, 2, padding=1, ceil_mode=True)),
    "MaxPool2d, padded": maps(lambda n, rng: mc.MaxPool2d(3, 2, padding=1, dilation=2)),
    "MaxPool2d": maps(lambda n, rng: mc.MaxPool2d(3, rng.integers(1, 3))), "Flatten": maps(lambda n, rng: mc.Flatten()),
    "RBF": vectors(lambda n, rng: mc.RBF(rng.standard_normal((3, n)))), "ReLU": maps(lambda n, rng: mc.ReLU()),
    "ScaledTanh": maps(lambda n, rng: mc.ScaledTanh()), "Sigmoid": maps(lambda n, rng: mc.Sigmoid()),
    "Dropout": maps(lambda n, rng: mc.Dropout(rng.uniform(0, 0.5), rng=rng)),
    "BatchNorm1d": vectors(lambda n, rng: mc.BatchNorm1d(n)), "BatchNorm2d": maps(lambda n, rng: mc.BatchNorm2d(n)),
    "BatchNorm2d without": maps(lambda n, rng: mc.BatchNorm2d(n, affine=False, track_running_stats=False)),
    "LayerNorm": vectors(lambda n, rng: mc.LayerNorm(n)), "LayerNorm of maps": maps(
        lambda n, rng: mc.LayerNorm(n)).filter(lambda case: case[1][0] != 2),
    "Residual": vectors(lambda n, rng: mc.Residual([mc.Linear(n, n, rng=rng), mc.Dropout(rng=rng), mc.Tanh()])),
    "Parallel": maps(
        lambda n, rng: mc.Parallel([mc.Conv2d(n, 2, 2, stride=2, rng=rng), mc.AvgPool2d(2)], "concatenate")),
    "Parallel, added": vectors(lambda n, rng: mc.Parallel([mc.Linear(n, n, rng=rng), [mc.Tanh(), mc.LayerNorm(n)]])),
}  # fmt: skip


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=8, deadline=None)
@given(data=st.data(), seed=seeds, fresh=st.booleans(), training=st.booleans())
def test_every_layer(kind, data, seed, fresh, training):
    layer, shape = data.draw(LAYERS[kind])
    rng = np.random.default_rng(seed)
    layer = layer if fresh else jumbled(layer, rng)
    report = mc.gradcheck(layer, rng.standard_normal(shape), rng=seed, training=training, second=True)
    for a in report.failed:  # a normalised single value is constant, units may be all off
        assert a.verdict == "unclear" and "every gradient is 0" in a.notes[-1], report
    assert all(a.likely == "" for a in report.arrays)


@settings(max_examples=6, deadline=None)
@given(seed=seeds, fresh=st.booleans(), training=st.booleans(), bias=st.booleans())
def test_networks(seed, fresh, training, bias):
    rng = np.random.default_rng(seed)
    net = mc.Sequential([
        mc.Conv2d(2, 3, 3, padding=1, bias=bias, rng=rng), mc.BatchNorm2d(3), mc.ScaledTanh(), mc.MaxPool2d(2),
        mc.Residual([mc.Conv2d(3, 3, 3, padding=1, rng=rng), mc.ReLU()]),
        mc.Parallel([mc.Conv2d(3, 2, 2, rng=rng), mc.AvgPool2d(2, stride=1)], "concatenate"), mc.Flatten(),
        mc.Dropout(0.3, rng=rng), mc.Linear(5, 6, rng=rng), mc.LayerNorm(6), mc.Sigmoid(), mc.Linear(6, 3, rng=rng),
    ])  # fmt: skip
    net = net if fresh else jumbled(net, rng)
    report = mc.gradcheck(net, rng.standard_normal((2, 4, 4, 3)), rng=seed, training=training, second=True)
    assert report, report
    notes = report["0.Conv2d.bias"].notes if bias else ()
    assert not notes or (training and "y does not depend on it" in notes[-1])
