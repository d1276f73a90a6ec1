"""Layers that people really write: the right ones pass, the wrong ones are caught, and the mistake is named."""

import numpy as np
import pytest
from checked_layers import Scale, normal
from hypothesis import given, settings
from hypothesis import strategies as st
from written_layers import (
    BatchNorm1d,
    BatchNorm2d,
    Branches,
    Dropout,
    Embedding,
    Gather,
    LayerNorm,
    Product,
    Residual,
    SinAndCos,
    Slide,
    Softmax,
)  # fmt: skip

import minicnn as mc

VECTORS, MAPS = normal(5, 6), normal(2, 4, 4, 3)


def linear():
    return mc.Linear(5, 5, rng=0)


RIGHT = {
    "BatchNorm1d": (lambda: BatchNorm1d(5), VECTORS), "BatchNorm2d": (lambda: BatchNorm2d(2), MAPS),
    "LayerNorm": (lambda: LayerNorm(5), VECTORS), "Softmax": (Softmax, VECTORS), "Dropout": (Dropout, VECTORS),
    "Residual": (lambda: Residual(linear()), VECTORS), "Branches": (lambda: Branches(linear(), mc.Tanh()), VECTORS),
    "side by side": (SinAndCos, VECTORS), "Slide": (Slide, VECTORS),
    "Embedding": (lambda: Embedding(3, 5), np.array([0, 4, 4, 1])), "Product": (Product, (VECTORS, VECTORS[::-1])),
    "Gather": (Gather, (VECTORS, np.array([0, 4, 4, 1, 2, 0]))),
}  # fmt: skip


@pytest.mark.parametrize("make, x", RIGHT.values(), ids=RIGHT)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_right_ones_pass(make, x, seed):
    report = mc.gradcheck(make(), x, rng=seed)
    assert report, report
    assert not report.notes and all(array.likely == "" for array in report.arrays), report


def wrong(kind, backward, **more):
    """``kind`` with another backward, a function of (layer, dy, what the right one returns)."""

    def spoilt(self, dy):
        return backward(self, dy, kind.backward(self, dy))

    return type(kind.__name__, (kind,), {"backward": spoilt, **more})


def gamma_from(layer, dy, dx, factor):
    layer.gamma.grad = layer.narrow(dy * factor)
    return dx


def without_gamma(layer, dy, dx):
    gamma, layer.gamma.value = layer.gamma.value.copy(), 1 + 0 * layer.gamma.value
    dx = type(layer).__mro__[1].backward(layer, dy)
    layer.gamma.value = gamma
    return dx


def constants(layer, dy, dx):
    return layer.wide(layer.gamma.value, dy) * dy / layer.std


def constant_mean(layer, dy, dx):
    g = layer.wide(layer.gamma.value, dy) * dy
    return (g - layer.normal * layer.mean(g * layer.normal)) / layer.std


class Centre(mc.Layer):
    """y = x - mean(x), the mean of each column."""

    def forward(self, x):
        return x - x.mean(axis=0)

    def backward(self, dy):
        return dy


class KeepsItsFirstX(mc.Linear):
    def forward(self, x):
        first = self.x
        y = super().forward(x)
        self.x = x if first is None else first
        return y


class ForgetsBias(mc.Linear):
    def parameters(self):
        return [self.weight]


class ForgetsAll(mc.Linear):
    def parameters(self):
        return []


class LeakyReLU(mc.Layer):
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, dy):
        return np.where(self.x > 0, 0.1, 1) * dy  # the wrong way round


def zero_linear(backward):
    layer = wrong(mc.Linear, backward)(5, 3)
    layer.weight.value = 0 * layer.weight.value
    return layer


def last_only(layer, dy, dx):
    for i, row in enumerate(dy):
        dx[i] = row
        dx[i + 1] = 2 * row
    return dx


def replaced(layer, dy, dx):
    layer.table.grad = 0 * layer.table.grad
    layer.table.grad[:, layer.x] = dy


ONLY_THERE = "agrees at the given parameters, but only there"
WRONG = {
    "LayerNorm without gamma in dx": (lambda: wrong(LayerNorm, without_gamma)(5), VECTORS, "x",
                                      [ONLY_THERE, "dx is computed without gamma"]),
    "BatchNorm without gamma in dx": (lambda: wrong(BatchNorm1d, without_gamma)(5), VECTORS, "x",
                                      [ONLY_THERE, "dx is computed without gamma"]),
    "BatchNorm2d without gamma in dx": (lambda: wrong(BatchNorm2d, without_gamma)(2), MAPS, "x",
                                        [ONLY_THERE, "dx is computed without gamma"]),
    "gamma's gradient from y": (
        lambda: wrong(BatchNorm1d, lambda layer, dy, dx: gamma_from(layer, dy, dx, layer.y))(5), VECTORS, "gamma",
        [ONLY_THERE, "the sum of dy · y: what y is multiplied with (the normalised x) belongs there"]),
    "gamma's gradient from y, maps": (
        lambda: wrong(BatchNorm2d, lambda layer, dy, dx: gamma_from(layer, dy, dx, layer.y))(2), MAPS, "gamma",
        [ONLY_THERE, "the sum of dy · y"]),
    "weights of 0, dx three times too large": (lambda: zero_linear(lambda layer, dy, dx: 3 * dx), VECTORS, "x",
                                               [ONLY_THERE, "all of it is 3 times what it must be"]),
    "keeps its first x": (
        lambda: KeepsItsFirstX(5, 3, rng=0), VECTORS, "weight",
        ["agrees for the given x, but not after a forward with another one", "forward keeps its first x"]),
    "forgets one": (lambda: ForgetsBias(5, 3, rng=0), VECTORS, "bias", ["parameters() does not return it"]),
    "forgot the skip connection": (lambda: wrong(Residual, lambda layer, dy, dx: dx - dy)(linear()), VECTORS, "x",
                                   ["dy itself is missing in dx: is there a skip connection"]),
    "forgot all but the skip connection": (lambda: wrong(Residual, lambda layer, dy, dx: dy)(linear()), VECTORS, "x",
                                           ["only the share of the skip connection is there"]),
    "softmax, its diagonal": (
        lambda: wrong(Softmax, lambda layer, dy, dx: layer.p * (1 - layer.p) * dy)(), VECTORS, "x",
        ["only the diagonal of the Jacobian"]),
    "statistics as constants, a batch's": (lambda: wrong(BatchNorm1d, constants)(5), VECTORS, "x",
                                           ["mean and variance over axis 1 are taken as constants"]),
    "statistics as constants, maps": (lambda: wrong(BatchNorm2d, constants)(2), MAPS, "x",
                                      ["mean and variance over axes (1, 2, 3) are taken as constants"]),
    "statistics as constants, a sample's": (lambda: wrong(LayerNorm, constants)(5), VECTORS, "x",
                                            ["mean and variance over axis 0 are taken as constants"]),
    "the mean as a constant": (lambda: wrong(LayerNorm, constant_mean)(5), VECTORS, "x",
                               ["the mean over axis 0 is taken as a constant"]),
    "a mean that is taken off": (Centre, VECTORS, "x", ["the mean over axis 0 is taken as a constant"]),
    "Dropout's mask turned round": (
        lambda: wrong(Dropout, lambda layer, dy, dx: layer.scaled(dy, ~layer.mask))(0.3), VECTORS, "x",
        ["its mask is turned round"]),
    "ReLU's mask turned round": (lambda: wrong(mc.ReLU, lambda layer, dy, dx: dy - dx)(), VECTORS, "x",
                                 ["its mask is turned round"]),
    "LeakyReLU's mask turned round": (LeakyReLU, VECTORS, "x", ["its mask is turned round"]),
    "= for branches": (
        lambda: wrong(Branches, lambda layer, dy, dx: layer.branches[1].backward(dy))(linear(), mc.Tanh()), VECTORS,
        "x", ["only the share of branches.1 is there", "add up (+=, not =)"]),
    "= for branches side by side": (
        lambda: wrong(SinAndCos, lambda layer, dy, dx: -np.sin(layer.x) * dy[5:])(), VECTORS, "x",
        ["only the last 5 of 10 rows of y count"]),
    "= in a loop over windows": (lambda: wrong(Slide, last_only)(), VECTORS, "x",
                                 ["only the last output that uses an element counts"]),
    "= for words that occur twice": (lambda: wrong(Embedding, replaced)(3, 5), np.array([0, 4, 4, 1]), "table",
                                     ["only the last output that uses an element counts"]),
    "one of two inputs": (
        lambda: wrong(Product, lambda layer, dy, dx: (dx[0], -dx[1]))(), (VECTORS, VECTORS[::-1]), "b",
        ["the sign is wrong"]),
}  # fmt: skip


@pytest.mark.parametrize("make, x, array, words", WRONG.values(), ids=WRONG)
def test_wrong_ones_are_caught_and_the_mistake_is_named(make, x, array, words):
    report = mc.gradcheck(make(), x)
    assert [a.name for a in report.failed] == [array], report
    for word in words:
        assert word in str(report), report


def test_statistics_that_are_constants_in_forward_but_not_in_backward():
    class Both(mc.BatchNorm1d):
        def backward(self, dy):
            self.over = (1,)
            return super().backward(dy)

    assert mc.gradcheck(Both(5), VECTORS)
    report = mc.gradcheck(Both(5), VECTORS, training=False)
    assert "forward takes mean and variance over axis 1 as constants, and backward does not" in report["x"].likely


def test_a_gamma_with_an_axis_more():
    class Kept(mc.Layer):
        def __init__(self):
            super().__init__()
            self.gamma = mc.Parameter(np.ones((5, 1)), "gamma")

        def forward(self, x):
            self.normal = np.tanh(x)
            self.y = self.gamma.value * self.normal
            return self.y.copy()

        def backward(self, dy):
            self.gamma.grad = (dy * self.y).sum(axis=1, keepdims=True)
            return self.gamma.value * (1 - self.normal**2) * dy

    assert "the sum of dy · y" in mc.gradcheck(Kept(), VECTORS)["gamma"].likely


def test_two_inputs_that_are_exchanged():
    layer = wrong(Product, lambda layer, dy, dx: dx[::-1])()
    assert [a.name for a in mc.gradcheck(layer, (VECTORS, VECTORS[::-1] + 1)).failed] == ["a", "b"]


def test_parameters_that_forgets_all():
    report = mc.gradcheck(ForgetsAll(5, 3, rng=0), VECTORS)
    assert [(a.name, a.verdict) for a in report.failed] == [("weight", "MISSING"), ("bias", "MISSING")]
    assert str(report).endswith("parameters() forgets weight, bias")


def test_what_one_sample_brings_is_told_where_samples_depend_on_each_other():
    first = wrong(BatchNorm1d, lambda layer, dy, dx: gamma_from(layer, dy[:, :1], dx, layer.normal[:, :1]))(5)
    assert "only the first of 6 samples counts" in mc.gradcheck(first, VECTORS)["gamma"].likely


def test_a_layer_that_refuses_the_changes_of_a_guess():
    class Picky(Scale):
        def forward(self, x):
            if np.abs(self.k.value - [2, 3, 4]).max() > 2:
                raise ValueError("k is too far away")
            return super().forward(x)

        def backward(self, dy):
            return super().backward(dy) + 1

    layer = Picky(3)
    layer.k.value = np.array([2.0, 3, 4])
    report = mc.gradcheck(layer, normal(3, 4))
    assert [a.name for a in report.failed] == ["x"] and report["x"].likely == ""


def test_a_scale_without_its_factor_in_dx_is_named():
    layer = wrong(Scale, lambda layer, dy, dx: dy)(3)
    layer.k.value = np.ones(3)
    assert "without k, as if it were 1" in mc.gradcheck(layer, normal(3, 4))["x"].likely
