"""At jittered parameters and after a forward with another x, and how the report tells what disagrees only there."""

import numpy as np
import pytest
from checked_layers import Function, normal
from written_layers import BatchNorm1d, Dropout

import minicnn as mc


class Mistaken(mc.Layer):
    """y = k x, whose dx is too small by what k has more than 1, and too large by 1 for each x but the first."""

    def __init__(self, k=1.0, of_k=False, of_x=False):
        super().__init__()
        self.k, self.of_k, self.of_x, self.first = mc.Parameter(np.full(1, k), "k"), of_k, of_x, None

    def forward(self, x):
        self.first = x if self.first is None else self.first
        self.x = x
        return self.k.value * x

    def backward(self, dy):
        self.k.grad = np.array([(self.x * dy).sum()])
        more = 1 if self.of_x and self.first is not self.x else 0
        return ((1 if self.of_k else self.k.value) + more) * dy

    def parameters(self):
        return [self.k]


@pytest.mark.parametrize("of_k, of_x, words", [
    (True, False, "x: agrees at the given parameters, but only there: the table shows jittered ones"),
    (False, True, "x: agrees for the given x, but not after a forward with another one"),
    (True, True, "x: agrees here, but neither at jittered parameters nor with another x"),
])  # fmt: skip
def test_what_it_takes_to_disagree_is_told(of_k, of_x, words):
    report = mc.gradcheck(Mistaken(of_k=of_k, of_x=of_x), normal(2, 3))
    assert [a.name for a in report.failed] == ["x"] and report["x"].verdict == "WRONG"
    assert words in str(report) and "gradients DISAGREE in x" in str(report)


def test_what_disagrees_at_once_is_told_as_ever():
    report = mc.gradcheck(Mistaken(k=2.0, of_k=True), normal(2, 3))
    assert "given" not in str(report) and "jittered" not in str(report) and report["x"].numeric != 0


def test_what_is_wrong_for_some_x_is_not_said_to_keep_one():
    cube = Function(lambda x: x**3, lambda x: np.where(np.abs(x) > 0.9, 3, 2) * x**2)
    report = mc.gradcheck(cube, np.array([[-1.0, 1, 1]]))
    assert not report and "x: agrees for the given x, but not after a forward with another one" in str(report)
    assert "keeps its first x" not in str(report)


def test_one_wrong_element_of_many_is_found_elsewhere():
    """Of 30,000 weights, each right while it is 1, and one of which is wrong as soon as it is not."""

    class Scales(mc.Layer):
        def __init__(self):
            super().__init__()
            self.k = mc.Parameter(np.ones((300, 100)), "k")

        def parameters(self):
            return [self.k]

        def forward(self, x):
            self.x = x
            return self.k.value @ x

        def backward(self, dy):
            self.k.grad = dy @ self.x.T
            self.k.grad[217, 31] *= self.k.value[217, 31]
            return self.k.value.T @ dy

    report = mc.gradcheck(Scales(), normal(100, 2), samples=30)
    assert [a.name for a in report.failed] == ["k"], report
    assert report["k"].index == (217, 31) and report["k"].wrong == 1 and report["k"].checked in (30, 31)


def test_it_takes_two_forwards_an_array():
    calls = []

    class Counting(mc.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    assert mc.gradcheck(Counting(40, 10, rng=0), normal(40, 5), samples=20)
    # two for each element and direction, and for y and gradients three here (two backwards), two there
    assert len(calls) <= 2 * (20 + 10 + 20) + 2 * 3 + 3 + 2


@pytest.mark.parametrize("f, slope, x", [
    (np.sqrt, lambda x: 0.5 / np.sqrt(x), np.abs(normal(3, 4)) + 1e-3),
    (lambda x: np.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), np.linspace(0.001, 0.999, 12).reshape(3, 4)),
    (np.arcsin, lambda x: 1 / np.sqrt(1 - x**2), np.linspace(-0.99, 0.99, 5)[:, None]),
])  # fmt: skip
def test_another_x_stays_where_the_samples_are(f, slope, x):
    report = mc.gradcheck(Function(f, slope), x)
    assert report and report.notes == ()


def test_a_place_that_the_layer_refuses_is_mentioned():
    class Positive(Mistaken):
        def forward(self, x):
            if abs(self.k.value[0] - 1) > 0.01:
                raise ValueError("k must be 1")
            return super().forward(x)

    report = mc.gradcheck(Positive(), normal(2, 3))
    assert report
    assert report.notes[0].startswith("could not be compared at jittered parameters with another x: ValueError: k must")
    assert report.notes[1] == "could not be compared at jittered parameters: ValueError: k must be 1"
    assert not mc.gradcheck(Positive(of_x=True), normal(2, 3))  # the other x is tried by itself


def test_the_layer_and_its_generators_are_left_alone():
    norm, dropout = BatchNorm1d(3), Dropout()
    before = dropout.random.bit_generator.state
    assert mc.gradcheck(norm, normal(3, 4)) and mc.gradcheck(dropout, normal(3, 4))
    assert (norm.gamma.value == 1).all() and (norm.beta.value == 0).all() and not hasattr(norm, "normal")
    assert dropout.random.bit_generator.state == before
