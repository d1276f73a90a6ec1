"""Wrong gradients are caught, and where they are."""

import math

import numpy as np
import pytest
from checked_layers import Corrupted, Function, normal
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc

few = settings(max_examples=40, deadline=None)


KINDS = {
    "Linear": (lambda: mc.Linear(4, 3, rng=0), (4, 2)),
    "Conv2d": (lambda: mc.Conv2d(2, 3, 2, padding=1, rng=0), (2, 3, 3, 2)),
    "table": (lambda: mc.Conv2d(3, 2, 2, connections=[[0, 2], [1]], rng=0), (3, 3, 3, 2)),
    "Subsampling": (lambda: mc.Subsampling(2, rng=0), (2, 4, 2, 2)),
    "MaxPool2d": (lambda: mc.MaxPool2d(2, 1), (2, 3, 3, 2)),
    "ReLU": (mc.ReLU, (3, 4)),
    "RBF": (lambda: mc.RBF(normal(3, 4)), (4, 2)),
}


@few
@given(kind=st.sampled_from(sorted(KINDS)), data=st.data(), change=st.sampled_from((1e-3, -1e-2, 1.0, -30.0)))
def test_one_wrong_element_is_found_where_it_is(kind, data, change):
    make, shape = KINDS[kind]
    right = mc.gradcheck(make(), normal(*shape))
    array = data.draw(st.sampled_from(right.arrays))
    index = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    report = mc.gradcheck(Corrupted(make(), array.name, index, change), normal(*shape))
    assert right and not report
    assert [a.name for a in report.failed] == [array.name]
    found = report[array.name]
    assert (found.index, found.wrong) == (index, 1) and found.error > 1e-6
    assert found.analytic - found.numeric == pytest.approx(change, rel=1e-4)
    assert f"{array.name}: 1 of {array.size} elements disagree" in str(report) or array.size == 1


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_is_wrong(wrong):
    report = mc.gradcheck(Corrupted(mc.Linear(2, 2, rng=0), "x", (1, 0), wrong), normal(2, 3))
    assert not report and report.error == math.inf and report["x"].index == (1, 0)
    assert [array.name for array in report.failed] == ["x"]


class Adds(mc.Linear):
    def backward(self, dy):
        before = self.weight.grad.copy()
        dx = super().backward(dy)
        self.weight.grad += before
        return dx


class Forgets(mc.Linear):
    def backward(self, dy):
        before = self.bias.grad.copy()
        dx = super().backward(dy)
        self.bias.grad = before
        return dx


@pytest.mark.parametrize("kind, name, words", [
    (Adds, "weight", "weight: backward adds to the gradient that was there: it must overwrite it"),
    (Forgets, "bias", "bias: backward does not write this gradient"),
])  # fmt: skip
def test_gradients_that_are_not_overwritten(kind, name, words):
    report = mc.gradcheck(kind(3, 2, rng=0), normal(3, 4))
    assert not report and [array.name for array in report.failed] == [name] and words in str(report)


def test_a_layer_that_is_wrong_everywhere_takes_no_longer():
    calls = []

    class Wrong(mc.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

        def backward(self, dy):
            return 1.5 * super().backward(dy)

    report = mc.gradcheck(Wrong(40, 10, rng=0), normal(40, 5))
    assert report["x"].wrong == report["x"].size == 200 and len(calls) < 2 * (410 + 200) + 100


def test_a_forward_in_lower_precision_is_not_excused():
    def square(x):
        return (x.astype("float32") ** 2).astype("float64")

    report = mc.gradcheck(Function(square, lambda x: 2 * x), normal(3, 4))
    assert not report and "differences do not settle" in str(report)


def test_slopes_that_settle_at_no_step_are_compared_where_they_change_least():
    """Two nearly equal numbers, normalised: too curved for large steps, too much rounding for small ones."""
    rng = np.random.default_rng(559533)
    layer = mc.LayerNorm(2)
    for p in layer.parameters():
        p.value = p.value + rng.standard_normal(2).astype("float32")
    x = rng.standard_normal((2, 4, 6, 4))
    assert mc.gradcheck(layer, x, rng=559533)

    class Wrong(mc.LayerNorm):
        def backward(self, dy):
            return (1 + 1e-5) * super().backward(dy)

    report = mc.gradcheck(Wrong(2), x, rng=559533)
    assert not report and report["x"].wrong > 50


def test_gradients_too_small_to_see_are_not_passed():
    for slope in (1e-3, 2e-3):  # the right one and a wrong one
        report = mc.gradcheck(Function(lambda x: 1e8 + 1e-3 * x, lambda x, s=slope: 0 * x + s), normal(3, 4))
        assert not report and "drown in the rounding of y" in str(report) and "no verdict on x" in str(report)
    assert mc.gradcheck(Function(lambda x: 1e4 + 1e-3 * x, lambda x: 0 * x + 1e-3), normal(3, 4), eps=1e-2)
    report = mc.gradcheck(Function(lambda x: 100 + 1e-11 * x, lambda x: 0 * x + 1e-11), normal(3, 4))  # y stands still
    assert not report and report["x"].wrong == 0 and "no verdict on x" in str(report)
