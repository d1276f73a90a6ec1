"""Right layers, losses and whatever else has a forward and a backward pass, and how the report says so."""

import copy
import re

import numpy as np
import pytest
from checked_layers import Corrupted, Scale, normal

import minicnn as mc


def test_a_layer_somebody_wrote():
    report = mc.gradcheck(Scale(3), normal(3, 4))
    assert report and report.passed and report.failed == []
    k, x = report.arrays
    assert (k.name, k.shape, k.size, k.checked) == ("k", (3,), 3, 3)
    assert (x.name, x.shape, x.size, x.checked) == ("x", (3, 4), 12, 12)
    assert report["k"] is k and report.error == max(k.error, x.error) < 1e-9
    for array in report.arrays:
        assert array.passed and array.kinks == array.left_out == array.wrong == 0 and array.notes == ()
        assert array.analytic == pytest.approx(array.numeric, rel=1e-8)
    with pytest.raises(KeyError, match="no array is called 'w'; there are k, x"):
        report["w"]


def test_the_numbers_are_central_differences():
    """What the report calls numeric, once more and by the shortest way."""
    layer, x = mc.Linear(3, 2, rng=0, dtype="float64"), normal(3, 2)
    report = mc.gradcheck(layer, x, rng=5)
    dy = np.random.default_rng(5)
    dy = dy.choice([-1, 1], (2, 2)) * dy.uniform(0.5, 1.5, (2, 2))
    assert (np.abs(dy) >= 0.5).all()  # no output is weighted away

    def L():
        return (layer.forward(x) * dy).sum()

    for name, array in (("weight", layer.weight.value), ("bias", layer.bias.value), ("x", x)):
        index, value = report[name].index, array[report[name].index]
        array[index] = value + 1e-4
        above = L()
        array[index] = value - 1e-4
        assert report[name].numeric == pytest.approx((above - L()) / 2e-4, rel=1e-8)
        array[index] = value


@pytest.mark.parametrize("x", [[[1, 2], [3, 4], [5, 6]], normal(3, 2).astype("float32"), np.arange(6).reshape(3, 2)])
def test_x_may_be_any_real_numbers(x):
    assert mc.gradcheck(Scale(3), x)


def test_a_float32_layer_is_checked_in_float64_and_left_alone():
    layer, x = mc.Linear(4, 3, rng=0), normal(4, 5).astype("float32")
    y = layer.forward(x)
    layer.backward(np.ones_like(y))
    before, x_before = copy.deepcopy([(p.value, p.grad) for p in layer.parameters()]), x.copy()
    assert mc.gradcheck(layer, x).error < 1e-8
    assert np.array_equal(x, x_before) and layer.x is x
    for p, (value, grad) in zip(layer.parameters(), before):
        assert p.value.dtype == np.float32 and np.array_equal(p.value, value) and np.array_equal(p.grad, grad)


def test_equal_seeds_give_equal_reports():
    layer, x = mc.Conv2d(1, 2, 3, rng=0), normal(1, 6, 6, 2)
    first, again, other = (mc.gradcheck(layer, x, samples=5, rng=seed) for seed in (None, 0, 1))
    assert str(first) == str(again) != str(other)


def test_samples_bound_the_work():
    report = mc.gradcheck(mc.Linear(30, 20, rng=0), normal(30, 2), samples=25)
    assert [(a.checked, a.size) for a in report.arrays] == [(25, 600), (20, 20), (25, 60)]
    assert "25 of 600" in str(report)


def test_the_bottom_of_a_valley():
    """x on its prototype: y and all slopes are 0, and what differences there are is rounding."""
    x = normal(3, 1)
    assert mc.gradcheck(mc.RBF(x.T, dtype="float64"), x)
    report = mc.gradcheck(Corrupted(mc.RBF(x.T, dtype="float64"), "x", (1, 0), 1e-6), x)
    assert not report and report["x"].index == (1, 0)


def test_losses():
    y, labels = normal(4, 3), [0, 3, 1]
    assert mc.gradcheck(mc.losses.CrossEntropyLoss(), y, labels=labels)
    assert mc.gradcheck(mc.losses.MSELoss(), y.astype("float32"), targets=np.zeros((4, 3), "float32"))


def test_anything_with_forward_and_backward():
    class Cubes:
        def forward(self, outputs, targets):
            self.d = outputs - targets
            return (self.d**3).sum()

        def backward(self):
            return 3 * self.d**2

    class Doubles:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    assert mc.gradcheck(Cubes(), normal(2, 3), targets=normal(2, 3, seed=1))
    assert str(mc.gradcheck(Doubles(), normal(2, 3))).startswith("Doubles\n")


# ---------------------------------------------------------------------------------------------- the report


def test_the_report_is_a_table_for_people():
    text = str(mc.gradcheck(Corrupted(mc.Linear(2, 2, rng=0), "bias", (1,), 0.5), normal(2, 3)))
    title, head, rule, weight, bias, x, remark, verdict = text.splitlines()
    assert title == "bias: Corrupted"
    assert head.split("  ")[0] == "array" and set(rule) == {"-"}
    for word in ("shape", "checked", "error", "at", "backward", "differences"):
        assert word in head
    assert re.fullmatch(r"weight +\(2, 2\) +4 +\d\.\de-\d\d +\(\d, \d\) +-?[\d.]+ +-?[\d.]+ +ok", weight)
    assert re.fullmatch(r"bias +\(2,\) +2 +\d\.\de-01 +\(1,\) +-?[\d.]+ +-?[\d.]+ +WRONG", bias)
    assert x.startswith("x ") and remark == "bias: 1 of 2 elements disagree"
    assert verdict == "gradients DISAGREE in bias (tolerance 1e-06)"


def test_a_report_too_wide_for_80_columns_has_place_and_values_below_what_is_wrong():
    net = mc.Sequential({"a layer with a long name": mc.Conv2d(2, 12, 3, rng=0), "flatten": mc.Flatten()})
    name, index = "a layer with a long name.weight", (11, 1, 2, 2)
    report = mc.gradcheck(Corrupted(net, name, index, 0.5), normal(2, 5, 5, 3))
    lines = str(report).splitlines()[:-2]  # without remark and verdict
    assert max(map(len, lines)) <= 80
    row = next(i for i, line in enumerate(lines) if line.endswith("WRONG"))
    values = f"backward {report[name].analytic:.8g}, differences {report[name].numeric:.8g}"
    assert lines[row + 1].strip() == f"at {index}: {values}"
    assert all(line.endswith(" ok") for line in lines[row + 2 :])


def test_titles():
    assert str(mc.gradcheck(mc.ReLU(), normal(2, 2))).startswith("ReLU\n")
    named = mc.Sequential({"F6": mc.Linear(2, 3, rng=0)})
    assert str(mc.gradcheck(named["F6"], normal(2, 2))).startswith("F6: Linear: fully connected, 3 units\n")
    report = mc.gradcheck(named, normal(2, 2))
    assert str(report).startswith("Sequential of 1 layers") and repr(report) == str(report)
    assert [array.name for array in report.arrays] == ["F6.weight", "F6.bias", "x"]
