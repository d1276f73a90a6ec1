"""In a network everything before a wrong layer is wrong: which one it is, is told."""

import numpy as np
from checked_layers import Corrupted, normal
from written_layers import Residual

import minicnn as mc

X = normal(5, 6)


def network(middle):
    return mc.Sequential({"in": mc.Linear(5, 4, rng=0), "middle": middle, "out": mc.Linear(4, 2, rng=1)})


def blamed(report):
    return [note.split(" is wrong by itself")[0] for note in report.notes]


class HalfTanh(mc.Tanh):
    def backward(self, dy):
        return super().backward(dy) / 2


class Forgets(mc.Residual):
    def backward(self, dy):
        return super().backward(dy) - dy


def test_the_layer_that_is_wrong_is_named():
    report = mc.gradcheck(network(HalfTanh()), X)
    assert [a.name for a in report.failed] == ["in.weight", "in.bias", "x"]
    assert report.notes == ("middle is wrong by itself: check it alone, with the x that it gets",)
    assert report.notes[0] in str(report)


def test_a_block_is_named_if_its_parts_are_right_and_else_its_part():
    right, wrong = [mc.Linear(4, 4, rng=2), mc.Tanh()], [mc.Linear(4, 4, rng=2), HalfTanh()]
    assert blamed(mc.gradcheck(network(Forgets(right)), X)) == ["middle"]
    assert blamed(mc.gradcheck(network(mc.Residual(wrong)), X)) == ["middle.1.HalfTanh"]


def test_two_that_are_wrong():
    net = mc.Sequential([HalfTanh(), mc.Linear(5, 4, rng=0), HalfTanh(), mc.Linear(4, 2, rng=0)])
    assert blamed(mc.gradcheck(net, X)) == ["0.HalfTanh", "2.HalfTanh"]


def test_a_layer_that_is_wrong_only_at_other_parameters():
    class WithoutWeight(mc.LayerNorm):
        def backward(self, dy):
            super().backward(dy)
            return (dy - dy.mean(axis=0) - self.z * (dy * self.z).mean(axis=0)) / self.deviation

    assert blamed(mc.gradcheck(network(WithoutWeight(4)), X)) == ["middle"]


def test_a_part_whose_methods_are_attributes_keeps_them():
    class Patched(mc.Tanh):
        def __init__(self):
            super().__init__()
            self.forward, self.backward = np.tanh, lambda dy: dy / 2

    class Slotted:
        __slots__ = ("y",)

        def forward(self, x):
            self.y = np.tanh(x)
            return self.y

        def backward(self, dy):
            return (1 - self.y**2) * dy

    report = mc.gradcheck(network(Patched()), X)
    assert blamed(report) == ["middle"] and [a.name for a in report.failed] == ["in.weight", "in.bias", "x"]
    assert not mc.gradcheck(Residual(Slotted()), X).notes
    assert not mc.gradcheck(Forgetful(Slotted()), X).notes


class Forgetful(Residual):
    def backward(self, dy):
        return self.inner.backward(dy)


def test_nobody_is_blamed_where_the_whole_is_at_fault():
    assert mc.gradcheck(Corrupted(mc.Linear(5, 4, rng=0), "x", (0, 0), 1.0), X).notes == ()


def test_a_part_that_cannot_be_checked_alone_is_not_blamed():
    class Tied(mc.Layer):
        """backward takes what only the outer layer knows."""

        def forward(self, x):
            return np.tanh(x)

        def backward(self, dy, y):
            return (1 - y**2) * dy

    class Outer(Residual):
        def forward(self, x):
            self.y = self.inner.forward(x)
            return self.y + x

        def backward(self, dy):
            return self.inner.backward(dy, self.y)

    report = mc.gradcheck(Outer(Tied()), X)
    assert not report and report.notes == () and "dy itself is missing" in report["x"].likely
