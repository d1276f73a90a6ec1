"""Layers that draw random numbers, and the mode that layers are checked in."""

import numpy as np
import pytest
from checked_layers import normal
from written_layers import Dropout

import minicnn as mc

X = normal(4, 6)


def test_dropout_is_checked_with_one_mask():
    report = mc.gradcheck(mc.Dropout(0.4, rng=3), X)
    assert report and report["x"].checked == 24
    off = mc.gradcheck(mc.Sequential([mc.Linear(4, 5, rng=0), mc.Dropout(0.4), mc.Linear(5, 2, rng=1)]), X)
    assert off, off


def test_a_wrong_one_is_caught():
    class Unscaled(mc.Dropout):
        def backward(self, dy):
            return (self.mask != 0) * dy if self.training else dy

    report = mc.gradcheck(Unscaled(0.5), X)
    assert not report and "all of it is 0.5 times what it must be" in report["x"].likely
    assert mc.gradcheck(Unscaled(0.5), X, training=False)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("set_to", [True, False])
def test_the_mode_is_set_and_only_in_the_copy(training, set_to):
    class Remembers(mc.Dropout):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    modes, layer = [], mc.Sequential([Remembers()]).train(set_to)
    assert mc.gradcheck(layer, X, training=training)
    assert set(modes) == {training} and layer.training is layer[0].training is set_to


def test_batch_normalisation_in_both_modes():
    for training in (True, False):
        report = mc.gradcheck(mc.BatchNorm1d(4), X, training=training)
        assert report, report


class Shaken:
    """An object that is no Layer, with a generator in a list of a part, and a mode."""

    def __init__(self):
        self.parts = {"dropout": Dropout()}
        self.noise, self.mode = [np.random.default_rng(1)], ""

    def eval(self):
        self.mode = "evaluation"

    def forward(self, x):
        noise = 0 if self.mode else self.noise[0].standard_normal(x.shape)
        return self.parts["dropout"].forward(x) + noise

    def backward(self, dy):
        return self.parts["dropout"].backward(dy)


def test_any_objects_generators_are_found():
    assert mc.gradcheck(Shaken(), X)
    assert mc.gradcheck(Shaken(), X, training=False)


def test_a_forward_that_uses_the_buffer_that_it_updates():
    class Follows(mc.Layer):
        """y = x - m, where m follows the mean of x."""

        buffers = ("m",)

        def __init__(self):
            super().__init__()
            self.m = np.zeros((4, 1))

        def forward(self, x):
            self.m += 0.1 * (x.mean(axis=1, keepdims=True) - self.m)
            return x - self.m

        def backward(self, dy):
            return dy - 0.1 * dy.mean(axis=1, keepdims=True)

    layer = Follows()
    assert mc.gradcheck(layer, X) and not layer.m.any()


def test_random_numbers_from_elsewhere_are_refused():
    class Elsewhere(mc.Layer):
        def forward(self, x):
            self.mask = np.random.default_rng().random(x.shape) < 0.5
            return x * self.mask

        def backward(self, dy):
            return dy * self.mask

    with pytest.raises(ValueError, match="draw from a numpy Generator that is an attribute of the layer"):
        mc.gradcheck(Elsewhere(), X)
