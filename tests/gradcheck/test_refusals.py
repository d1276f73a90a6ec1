"""What gradcheck refuses: inputs, settings and layers that make no sense."""

import math

import numpy as np
import pytest
from checked_layers import normal

import minicnn as mc


@pytest.mark.parametrize(
    "x, error, words",
    [
        (np.array([[1.0, math.nan]]), ValueError, r"x must be finite, got nan at \(0, 1\)"),
        (np.array([[1.0], [-math.inf]]), ValueError, r"x must be finite, got -inf at \(1, 0\)"),
        (np.ones((0, 3)), ValueError, r"x is empty, shape \(0, 3\)"),
        (np.ones((2, 2), complex), TypeError, "x must hold real numbers, got complex128"),
        ([["a", "b"]], TypeError, "x must hold real numbers, got <U1"),
        (np.ones((2, 2), bool), TypeError, "x must hold real numbers, got bool"),
    ],
)
def test_an_x_that_makes_no_sense(x, error, words):
    with pytest.raises(error, match=words):
        mc.gradcheck(mc.Tanh(), x)


@pytest.mark.parametrize(
    "how, error, words",
    [
        ({"eps": 0}, ValueError, "eps must lie between 1e-7 .* got 0"),
        ({"eps": 0.5}, ValueError, "eps must lie between"),
        ({"eps": math.nan}, ValueError, "eps must lie between"),
        ({"tolerance": 0}, ValueError, "tolerance must lie between 1e-12 and 1, got 0"),
        ({"tolerance": 2}, ValueError, "tolerance must lie between"),
        ({"samples": 0}, ValueError, "samples must be at least 1, got 0"),
        ({"samples": 2.5}, TypeError, "samples must be an integer, got 2.5"),
        ({"training": "eval"}, TypeError, "training must be True or False, got 'eval'"),
        ({"second": 1}, TypeError, "second must be True or False, got 1"),
        ({"labels": [0]}, TypeError, "Tanh is a layer: labels and targets are for losses"),
    ],
)
def test_settings_that_make_no_sense(how, error, words):
    with pytest.raises(error, match=words):
        mc.gradcheck(mc.Tanh(), normal(2, 2), **how)


def test_a_loss_needs_something_to_compare_with():
    for how in ({}, {"labels": [0, 1], "targets": normal(2, 2)}):
        with pytest.raises(TypeError, match="MSELoss is a loss: give labels= or targets=, one of them"):
            mc.gradcheck(mc.losses.MSELoss(), normal(2, 2), **how)
    with pytest.raises(ValueError, match="targets must be finite"):
        mc.gradcheck(mc.losses.MSELoss(), normal(2, 2), targets=np.full((2, 2), math.nan))


def broken(**methods):
    """A layer called Broken, y = x but for ``methods``."""
    right = {"forward": lambda self, x: x + 0, "backward": lambda self, dy: dy + 0}
    return type("Broken", (mc.Layer,), right | methods)()


class Dropout(mc.Layer):
    def forward(self, x):
        self.mask = np.random.default_rng().random(x.shape) < 0.5
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class NoSuper(mc.Layer):
    def __init__(self):
        self.scale = 2

    def forward(self, x):
        return self.scale * x

    def backward(self, dy):
        return self.scale * dy


class SinglePrecision:
    def __init__(self):
        self.w = mc.Parameter(np.ones(1, "float32"), "w")

    def parameters(self):
        return [self.w]

    def forward(self, x):
        return self.w.value * x

    def backward(self, dy):
        return self.w.value * dy


def write_to(array):
    array[...] = 0
    return array + 1


@pytest.mark.parametrize(
    "layer, error, words",
    [
        (object(), TypeError, "object has no forward: gradcheck needs a layer or a loss"),
        (type("Half", (), {"forward": lambda self, x: x})(), TypeError, "Half has no backward"),
        (broken(backward=lambda self, dy: None), TypeError, "Broken: backward must return dx, an array, got NoneType"),
        (broken(backward=lambda self, dy: dy.T), ValueError, r"Broken: backward returned shape \(3, 2\), x has \(2, 3"),
        (broken(backward=lambda self, dy: dy.astype("f4")), TypeError, "Broken: backward turned float64 into float32"),
        (broken(forward=lambda self, x: None), TypeError, "Broken: forward must return an array, got NoneType"),
        (broken(forward=lambda self, x: x.astype("f4")), TypeError, "Broken: forward turned float64 into float32"),
        (broken(forward=lambda self, x: x + math.nan), ValueError, "Broken: forward returned NaN or infinity"),
        (broken(forward=lambda self, x: write_to(x)), ValueError, "Broken: forward wrote to x"),
        (broken(backward=lambda self, dy: write_to(dy)), ValueError, "Broken: backward wrote to dy"),
        (Dropout(), ValueError, "Dropout: forward is not deterministic: two calls with the same x differ by"),
        (NoSuper(), TypeError, r"NoSuper: its __init__ must call super\(\).__init__\(\)"),
        (SinglePrecision(), TypeError, "SinglePrecision: w is float32; differences need float64"),
    ],
)
def test_layers_that_cannot_be_checked(layer, error, words):
    with pytest.raises(error, match=words):
        mc.gradcheck(layer, normal(2, 3))


def test_an_input_of_the_wrong_shape_is_the_layers_own_error():
    with pytest.raises(ValueError, match=r"Linear: x must have shape \(4, N\), got \(3, 2\)"):
        mc.gradcheck(mc.Linear(4, 2), normal(3, 2))
