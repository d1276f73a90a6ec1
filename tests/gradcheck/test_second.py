"""second_backward: Gauss-Newton's diagonal, checked layer by layer."""

import numpy as np
import pytest
from checked_layers import Function, Scale, normal
from written_layers import Product

import minicnn as mc

MAPS = normal(2, 6, 6, 3)
LAYERS = {
    "Linear": (lambda: mc.Linear(4, 3, rng=0), normal(4, 5)), "Conv2d": (lambda: mc.Conv2d(2, 3, 3, rng=0), MAPS),
    "connections": (lambda: mc.Conv2d(2, 2, (2, 3), connections=[[0], [0, 1]], stride=2, padding=1, rng=0), MAPS),
    "Subsampling": (lambda: mc.Subsampling(2, rng=0), MAPS), "MaxPool2d": (lambda: mc.MaxPool2d(3, 2), MAPS),
    "AvgPool2d": (lambda: mc.AvgPool2d(2), MAPS), "RBF": (lambda: mc.RBF(normal(3, 4)), normal(4, 5)),
    "ScaledTanh": (mc.ScaledTanh, MAPS), "Sigmoid": (mc.Sigmoid, MAPS), "ReLU": (mc.ReLU, MAPS),
    "Flatten": (mc.Flatten, MAPS), "Dropout": (mc.Dropout, MAPS), "LayerNorm": (lambda: mc.LayerNorm(4), normal(4, 5)),
    "BatchNorm2d": (lambda: mc.BatchNorm2d(2), MAPS),
}  # fmt: skip


@pytest.mark.parametrize("make, x", LAYERS.values(), ids=LAYERS)
def test_right_ones_pass(make, x):
    report = mc.gradcheck(make(), x, second=True)
    assert report, report
    first = mc.gradcheck(make(), x)
    assert [a.name for a in report.arrays[len(first.arrays) :]] == [
        f"{a.name}.curvature" if a.name != "x" else "d2x" for a in first.arrays
    ]
    assert all(a.checked > 0 and a.size == b.size for a, b in zip(report.arrays[len(first.arrays) :], first.arrays))


def test_it_is_not_looked_at_unless_asked_for():
    assert [a.name for a in mc.gradcheck(mc.Linear(4, 3, rng=0), normal(4, 5)).arrays] == ["weight", "bias", "x"]


def spoilt(kind, second_backward):
    return type(kind.__name__, (kind,), {"second_backward": second_backward})


def spoil(kind, change):
    """``kind`` whose second_backward's results go through ``change(layer, d2y, d2x)`` -> d2x."""
    return spoilt(kind, lambda layer, d2y: change(layer, d2y, kind.second_backward(layer, d2y)))


def not_squared(layer, d2y, d2x):
    return layer.weight.value.T @ d2y


def from_gradient(layer, d2y, d2x):
    layer.weight.curvature = d2y @ layer.x.T
    return d2x


def without_d2y(layer, d2y, d2x):
    layer.weight.curvature = (0 * d2y + 1) @ layer.x.T**2
    return d2x


def own(array, change):
    def spoil(layer, d2y, d2x):
        parameter = getattr(layer, array)
        parameter.curvature = change(parameter.curvature)
        return d2x

    return spoil


WRONG = {
    "d2x not squared": (lambda: spoil(mc.Linear, not_squared)(4, 3, rng=0), normal(4, 5), "d2x", "not squared"),
    "weights not squared": (lambda: spoil(mc.Linear, from_gradient)(4, 3, rng=0), normal(4, 5), "weight.curvature",
                            "not squared"),
    "without d2y": (lambda: spoil(mc.Linear, without_d2y)(4, 3, rng=0), normal(4, 5), "weight.curvature",
                    "d2y is left out"),
    "half": (lambda: spoil(mc.Conv2d, own("bias", lambda h: h / 2))(2, 3, 3, rng=0), MAPS, "bias.curvature", ""),
    "one map": (lambda: spoil(mc.Conv2d, own("weight", lambda h: (h.T * np.arange(3)).T))(2, 3, 3, rng=0), MAPS,
                "weight.curvature", ""),
    "a slope for its square": (lambda: spoilt(mc.Tanh, lambda layer, d2y: (1 - layer.y**2) * d2y)(), normal(3, 4),
                               "d2x", "not squared"),
    "RBF's bend, half of it": (
        lambda: spoil(mc.RBF, lambda layer, d2y, d2x: d2x - layer.dy.sum(axis=0))(normal(3, 4)), normal(4, 5), "d2x",
        ""),
    "RBF's slope": (
        lambda: spoil(mc.RBF, lambda layer, d2y, d2x: d2x + d2y.sum(axis=0))(normal(3, 4)), normal(4, 5), "d2x", ""),
}  # fmt: skip


@pytest.mark.parametrize("make, x, array, words", WRONG.values(), ids=WRONG)
def test_wrong_ones_are_caught(make, x, array, words):
    assert mc.gradcheck(make(), x)
    report = mc.gradcheck(make(), x, second=True)
    assert [a.name for a in report.failed] == [array] and report[array].wrong, report
    assert words in report[array].likely and (words or not report[array].likely)


def test_a_curvature_that_is_not_written_or_added_up():
    class Forgets(Scale):
        def second_backward(self, d2y):
            return self.k.value[:, None] ** 2 * d2y

    class Adds(Forgets):
        def second_backward(self, d2y):
            self.k.curvature += (self.x**2 * d2y).sum(axis=1)
            return super().second_backward(d2y)

    for kind in (Forgets, Adds):
        report = mc.gradcheck(kind(3), normal(3, 4), second=True)
        assert [a.name for a in report.failed] == ["k.curvature"]
        assert "k.curvature: second_backward does not write it, or adds to what was there" in str(report)


def test_mistakes_that_1_and_0_hide():
    class ForgetsScale(Scale):
        def second_backward(self, d2y):
            self.k.curvature = (self.x**2 * d2y).sum(axis=1)
            return self.k.value[:, None] * d2y  # k for k²

    layer = ForgetsScale(3)
    layer.k.value = np.ones(3)
    assert [a.name for a in mc.gradcheck(layer, normal(3, 4), second=True).failed] == ["d2x"]
    assert (layer.k.value == 1).all()


def test_a_layer_that_refuses_other_parameters_is_checked_at_its_own():
    class Fixed(Scale):
        def forward(self, x):
            if np.abs(self.k.value - [1, 1.5, 2]).max() > 0.01:
                raise ValueError("k must be what it was")
            return super().forward(x)

        def second_backward(self, d2y):
            self.k.curvature = (self.x**2 * d2y).sum(axis=1)
            return self.k.value[:, None] ** 2 * d2y

    assert mc.gradcheck(Fixed(3), normal(3, 4), second=True)


def test_what_y_itself_bends_may_be_in_it():
    report = mc.gradcheck(mc.RBF(normal(3, 4)), normal(4, 5), second=True)
    assert "d2x: beside Gauss-Newton's diagonal it holds what y itself bends, dy · d²y" in str(report)
    assert "bends" not in str(mc.gradcheck(mc.Tanh(), normal(4, 5), second=True))


def test_elements_at_a_kink_are_left_out():
    report = mc.gradcheck(mc.ReLU(), np.linspace(-1, 1, 5)[:, None], second=True)
    assert report and (report["d2x"].checked, report["d2x"].left_out) == (4, 1)
    assert not mc.gradcheck(mc.ReLU(), np.zeros((2, 1)), second=True)


# ------------------------------------------------------------------------------------------------ networks


def network(second=mc.Tanh):
    return mc.Sequential({
        "C1": mc.Conv2d(2, 2, 3, rng=0), "squash": second(), "S2": mc.Subsampling(2, rng=1), "flat": mc.Flatten(),
        "skip": mc.Residual([mc.Linear(8, 8, rng=2), mc.Dropout()]), "out": mc.RBF(normal(3, 8)),
    })  # fmt: skip


def test_a_network_is_checked_layer_by_layer():
    report = mc.gradcheck(network(), MAPS, second=True)
    assert report, report
    names = [a.name for a in report.arrays]
    assert names[names.index("x") + 1 :] == [
        "C1.weight.curvature", "C1.bias.curvature", "C1.d2x", "squash.d2x", "S2.coefficient.curvature",
        "S2.bias.curvature", "S2.d2x", "flat.d2x", "skip.0.Linear.weight.curvature", "skip.0.Linear.bias.curvature",
        "skip.0.Linear.d2x", "skip.1.Dropout.d2x", "out.d2x",
    ]  # fmt: skip
    assert "second_backward was checked layer by layer" in str(report)


def test_the_wrong_layer_of_a_network_is_named():
    kind = spoil(mc.Tanh, lambda layer, d2y, d2x: 2 * d2x)
    report = mc.gradcheck(network(kind), MAPS, second=True)
    assert [a.name for a in report.failed] == ["squash.d2x"]


def test_samples_bound_the_work():
    report = mc.gradcheck(mc.Linear(30, 20, rng=0), normal(30, 2), samples=25, second=True)
    assert [(a.checked, a.size) for a in report.arrays] == [(25, 600), (20, 20), (25, 60)] * 2


# -------------------------------------------------------------------------------- losses, and what has none


@pytest.mark.parametrize("loss", [
    mc.losses.CrossEntropyLoss(), mc.losses.MAPLoss(1.5, "sum"), mc.losses.RBFLoss(), mc.losses.MAPLoss(),
])  # fmt: skip
def test_losses(loss):
    report = mc.gradcheck(loss, normal(4, 3), labels=[0, 3, 1], second=True)
    assert report and [a.name for a in report.arrays] == ["x", "d2x"], report


def test_a_loss_that_is_wrong():
    class Sums(mc.losses.MSELoss):
        def second_backward(self):
            return super().second_backward() * 4

    report = mc.gradcheck(Sums(), normal(4, 3), targets=normal(4, 3, seed=1), second=True)
    assert [a.name for a in report.failed] == ["d2x"]


def test_several_inputs():
    class Squares(Product):
        def second_backward(self, d2y):
            return self.b**2 * d2y, self.a**2 * d2y

    x = normal(3, 4), normal(3, 4, seed=1)
    report = mc.gradcheck(Squares(), x, second=True)
    assert report and [a.name for a in report.arrays] == ["a", "b", "d2a", "d2b"]


class Second(Function):
    def __init__(self, second):
        super().__init__(lambda x: 2 * x, lambda x: 0 * x + 2)
        self.second = second

    def second_backward(self, d2y):
        return self.second(d2y)


@pytest.mark.parametrize("layer, error, words", [
    (Scale(3), TypeError, "Scale has no second_backward, which second-order training needs"),
    (Second(lambda d2y: None), TypeError, "Second: second_backward must return d2x, an array, got NoneType"),
    (Second(lambda d2y: d2y.T), ValueError, r"Second: second_backward returned shape \(4, 3\), x has \(3, 4\)"),
    (Second(lambda d2y: np.multiply(d2y, 4, out=d2y)), ValueError, "Second: second_backward wrote to d2y"),
])  # fmt: skip
def test_what_cannot_be_checked(layer, error, words):
    with pytest.raises(error, match=words):
        mc.gradcheck(layer, normal(3, 4), second=True)


def test_an_object_without_one():
    class Doubles:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    with pytest.raises(TypeError, match="Doubles has no second_backward, which second=True checks"):
        mc.gradcheck(Doubles(), normal(3, 4), second=True)
