"""Parameters that a layer holds and parameters() does not return."""

import numpy as np
from checked_layers import normal

import minicnn as mc


class Two(mc.Layer):
    """Two Linears, one after the other; ``forgets`` says of which parts parameters() returns nothing."""

    def __init__(self, forgets):
        super().__init__()
        self.floors, self.forgets = [mc.Linear(3, 4, rng=0), mc.Linear(4, 2, rng=1)], forgets

    def forward(self, x):
        return self.floors[1].forward(self.floors[0].forward(x))

    def backward(self, dy):
        return self.floors[0].backward(self.floors[1].backward(dy))

    def parameters(self):
        return [p for i, floor in enumerate(self.floors) if i not in self.forgets for p in floor.parameters()]


def test_a_part_that_is_forgotten():
    report = mc.gradcheck(Two({1}), normal(3, 5))
    assert not report
    assert [(a.name, a.verdict, a.missing, a.checked) for a in report.failed] == [
        ("floors.1.weight", "MISSING", True, 0), ("floors.1.bias", "MISSING", True, 0),
    ]  # fmt: skip
    assert "floors.1.bias: the layer holds it, but parameters() does not return it" in str(report)
    assert str(report).endswith("parameters() forgets floors.1.weight, floors.1.bias")
    assert report.error < 1e-6  # of what was compared


def test_it_is_told_beside_what_is_wrong():
    class Wrong(Two):
        def backward(self, dy):
            return 2 * super().backward(dy)

    report = mc.gradcheck(Wrong({0}), normal(3, 5))
    assert str(report).endswith(
        "gradients DISAGREE in x (tolerance 1e-06); parameters() forgets floors.0.weight, floors.0.bias"
    )


def test_nothing_is_missing():
    assert mc.gradcheck(Two(set()), normal(3, 5))


def test_an_object_that_is_no_layer():
    class Own:
        def __init__(self):
            self.weights = {"left": mc.Parameter(np.ones(2)), "right": mc.Parameter(np.ones(2))}

        def parameters(self):
            return [self.weights["left"]]

        def forward(self, x):
            self.x = x
            return (self.weights["left"].value * self.weights["right"].value)[:, None] * x

        def backward(self, dy):
            self.weights["left"].grad = (self.weights["right"].value[:, None] * self.x * dy).sum(axis=1)
            return (self.weights["left"].value * self.weights["right"].value)[:, None] * dy

    report = mc.gradcheck(Own(), normal(2, 5))
    assert [(a.name, a.verdict) for a in report.arrays] == [
        ("weights.right", "MISSING"), ("weights.left", "ok"), ("x", "ok"),
    ]  # fmt: skip


def test_an_object_that_has_no_parameters_method():
    class None_:
        def __init__(self):
            self.k = mc.Parameter(np.ones(2), "k")

        def forward(self, x):
            return self.k.value[:, None] * x

        def backward(self, dy):
            return self.k.value[:, None] * dy

    assert str(mc.gradcheck(None_(), normal(2, 5))).endswith("parameters() forgets k")
