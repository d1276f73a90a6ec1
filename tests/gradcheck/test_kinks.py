"""Kinks: elements that sit at one are left out, and nothing else is excused."""

import math

import numpy as np
import pytest
from checked_layers import Corrupted, Function, absolute
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minicnn as mc

few = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def test_elements_at_a_kink_are_left_out_and_mentioned():
    x = np.array([[0.0, 1, -1, 0, 2]])
    report = mc.gradcheck(mc.ReLU(), x)
    assert report and (report["x"].kinks, report["x"].left_out, report["x"].checked) == (2, 2, 3)
    assert "x: left out 2 elements that sit at a kink" in str(report)


@pytest.mark.parametrize("distance", [3e-5, -3e-5, 1e-6, -1e-8, 1e-10])
def test_beside_a_kink_a_smaller_step_decides(distance):
    x = np.array([[distance, 1.0]])
    right, wrong = mc.gradcheck(mc.ReLU(), x), mc.gradcheck(Corrupted(mc.ReLU(), "x", (0, 0), 0.2), x)
    assert right and (right["x"].kinks, right["x"].left_out, right["x"].checked) == (1, 0, 2)
    assert "x: 1 element has a kink within the step and took a smaller one" in str(right)
    assert not wrong and wrong["x"].index == (0, 0)


@pytest.mark.parametrize("at_zero, passes", [(-1, True), (0, True), (0.3, True), (1, True), (1.01, False), (-7, False)])
def test_at_a_kink_the_gradient_must_lie_between_the_slopes(at_zero, passes):
    report = mc.gradcheck(absolute(at_zero), np.array([[0.0, 1, -2]]))
    assert bool(report) is passes and report["x"].kinks == 1
    if not passes:
        assert report["x"].index == (0, 0) and "is outside the slopes on both sides" in str(report)


def test_a_wrong_layer_is_caught_beside_its_kinks():
    x = np.array([[0.0, 1e-6, 1, -1]])
    report = mc.gradcheck(Function(np.abs, lambda x: 0.9 * np.sign(x)), x)
    assert not report and report["x"].left_out == 1 and report["x"].wrong == 3


def test_nothing_left_to_compare_is_no_pass():
    report = mc.gradcheck(mc.ReLU(), np.zeros((2, 2)))
    x = report["x"]
    assert not report and (x.checked, x.wrong, x.left_out) == (0, 0, 4)
    assert (x.index, x.analytic, x.numeric) == (None, None, None) and math.isnan(x.error) and math.isnan(report.error)
    assert "nothing was left to compare: take another x" in str(report) and "no verdict on x" in str(report)


def test_ties_in_max_pooling():
    x = np.array([[5.0, 5, 1, 2], [0, 1, 3, 0]]).reshape(1, 2, 4, 1)
    report = mc.gradcheck(mc.MaxPool2d(2), x)
    assert report and report["x"].left_out == 2  # the two fives


def test_a_jump_is_no_kink():
    report = mc.gradcheck(Function(np.sign, lambda x: 0 * x), np.array([[0.0, 1]]))
    assert not report and report["x"].index == (0, 0) and report["x"].left_out == 0


def test_kinks_that_meet_in_a_network_are_unclear_not_wrong():
    """At 0 two ReLUs cancel: y = relu(x) - relu(-x) = x has slope 1, but backward, right in each layer, says 0."""
    net = mc.Sequential([mc.Linear(1, 2, bias=False), mc.ReLU(), mc.Linear(2, 1, bias=False)])
    net.vector.values[...] = 1, -1, 1, -0.5
    report = mc.gradcheck(net, np.array([[0.0, 1.0]]))
    assert not report and report["x"].wrong == 0
    assert "in a network where kinks meet that may be right" in str(report) and "no verdict on" in str(report)
    assert mc.gradcheck(net, np.array([[0.1, 1.0]]))


def test_kinks_and_curvature_together():
    """One kink at, beside or far from each element of a curved function; a wrong gradient is never excused."""

    @few
    @given(seed=seeds, wrong=st.booleans())
    def check(seed, wrong):
        rng = np.random.default_rng(seed)
        x, a, b, jump = (rng.standard_normal((1, 6)) for _ in range(4))
        corner = x + 10 ** rng.uniform(-12, 0, x.shape) * rng.choice([-1, 0, 1], x.shape)

        def slope(x):
            return a + 2 * b * np.cos(2 * x) + jump * (x > corner)

        change = np.zeros_like(x)
        if wrong:
            place = 0, rng.integers(6)
            change[place] = rng.choice([-1, 1]) * (np.abs(slope(x)[place]) + np.abs(jump[place]) + 0.1)
        layer = Function(
            lambda x: a * x + b * np.sin(2 * x) + jump * np.maximum(x - corner, 0), lambda x: slope(x) + change
        )
        report = mc.gradcheck(layer, x, rng=seed)
        assume(report["x"].left_out < 6)
        assert bool(report) is not wrong, report
        if wrong:
            assert report["x"].index == place

    check()


def test_leaving_the_domain_of_a_function():
    x = np.array([[1e-5, 1.0, 4.0]])  # the first step to the left of the first element leads to a NaN
    with np.errstate(invalid="ignore"):
        assert mc.gradcheck(Function(np.sqrt, lambda x: 0.5 / np.sqrt(x)), x)
        assert not mc.gradcheck(Function(np.sqrt, lambda x: 0.4 / np.sqrt(x)), x)
