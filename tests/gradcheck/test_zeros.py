"""Where every gradient is 0, nothing has been compared: "unclear", unless 0 is shown to be right."""

import numpy as np
from checked_layers import Function, normal
from written_layers import BatchNorm1d, Residual

import minicnn as mc


def verdicts(report):
    return {a.name: a.verdict for a in report.arrays}


def test_a_function_that_is_constant():
    report = mc.gradcheck(Function(lambda x: 0 * x + 3, lambda x: 0 * x), normal(2, 3))
    assert not report and verdicts(report) == {"x": "unclear"} and report.error == 0
    assert "x: every gradient is 0, and 0 = 0 shows nothing: y does not depend on it" in str(report)
    assert str(report).endswith("no verdict on x")


def test_units_that_are_all_off():
    report = mc.gradcheck(mc.ReLU(), -1 - np.abs(normal(2, 3)))
    assert not report and verdicts(report) == {"x": "unclear"}
    assert "x: every gradient is 0, and 0 = 0 shows nothing: take another x, at which y follows it" in str(report)


def test_units_that_are_all_off_are_no_verdict_on_the_weights_before_them():
    net = mc.Sequential([mc.Linear(2, 3, rng=0), mc.ReLU()])
    net[0].bias.value = np.full(3, -50.0)
    report = mc.gradcheck(net, normal(2, 3))
    assert not report and set(verdicts(report).values()) == {"unclear"}


def test_weights_of_0_are_compared_elsewhere():
    layer = mc.Linear(3, 2, rng=0)
    layer.weight.value = np.zeros((2, 3))
    report = mc.gradcheck(layer, normal(3, 4))
    assert report and set(verdicts(report).values()) == {"ok"}
    assert "x: every gradient is 0, and 0 = 0 shows nothing; elsewhere they are not so small, and agree" in str(report)


def test_a_bias_before_a_normalisation_has_no_gradient_and_that_is_right():
    net = mc.Sequential([mc.Linear(3, 4, rng=0, dtype="float64"), BatchNorm1d(4), mc.Tanh()])
    report = mc.gradcheck(net, normal(3, 5))
    assert report, report
    bias = next(a for a in report.arrays if "bias" in a.name)
    assert "y does not depend on it, so 0 is right (a bias before a normalisation is such" in bias.notes[-1]


def test_a_bias_before_a_normalisation_whose_gradient_is_not_0_is_wrong():
    class Biased(mc.Linear):
        def backward(self, dy):
            dx = super().backward(dy)
            self.bias.grad = self.bias.grad + 0.01
            return dx

    report = mc.gradcheck(mc.Sequential([Biased(3, 4, rng=0, dtype="float64"), BatchNorm1d(4)]), normal(3, 5))
    assert [a.verdict for a in report.failed] == ["WRONG"] and "bias" in report.failed[0].name


def test_an_image_without_ink_says_nothing_of_the_weights_that_see_it():
    net = mc.Sequential([mc.Conv2d(1, 2, 3, rng=0), mc.ReLU(), mc.Flatten(), mc.Linear(32, 3, rng=0)])
    report = mc.gradcheck(net, np.zeros((1, 6, 6, 2)))
    assert not report
    assert {a.name for a in report.failed} >= {"0.Conv2d.weight"} and not any(a.wrong for a in report.arrays)
    assert report["0.Conv2d.weight"].verdict == "unclear"


def test_a_gradient_of_0_that_is_wrong_is_said_to_be():
    report = mc.gradcheck(Residual(Function(np.tanh, lambda x: -1 + 0 * x)), normal(2, 3))
    assert not report and report["x"].verdict == "WRONG" and "all of it is 0" in report["x"].likely


def test_a_forward_that_cannot_take_other_values_is_no_proof():
    def within(x):
        if np.abs(x).max() > 3:
            raise ValueError("x must lie in -3..3")
        return np.maximum(x, 0)

    report = mc.gradcheck(Function(within, lambda x: (x > 0) * 1.0), -np.abs(normal(2, 3)) - 0.1)
    assert not report and report["x"].verdict == "unclear"
