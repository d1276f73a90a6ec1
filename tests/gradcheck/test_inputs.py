"""Several inputs, and integers, which have no gradient."""

import numpy as np
import pytest
from checked_layers import normal
from written_layers import Embedding, Gather, Product

import minicnn as mc

A, B = normal(3, 4), normal(3, 4, seed=1)


def names(report):
    return [a.name for a in report.arrays]


def test_a_tuple_is_forwards_arguments():
    report = mc.gradcheck(Product(), (A, B))
    assert report and names(report) == ["a", "b"]
    assert mc.gradcheck(Product(), (A.astype("float32"), B.tolist()))


def test_inputs_without_names_are_numbered():
    class Sum:
        def forward(self, *arrays):
            self.count = len(arrays)
            return sum(arrays)

        def backward(self, dy):
            return [dy.copy() for _ in range(self.count)]

    assert names(mc.gradcheck(Sum(), (A, B, A))) == ["x[0]", "x[1]", "x[2]"]
    assert names(mc.gradcheck(Sum(), (A,))) == ["x[0]"]


def test_inputs_that_are_called_like_a_parameter_are_numbered():
    class Scaled(Product):
        def __init__(self):
            super().__init__()
            self.p = mc.Parameter(np.ones(()), "a")

        def parameters(self):
            return [self.p]

        def forward(self, a, b):
            return self.p.value * super().forward(a, b)

        def backward(self, dy):
            self.p.grad = (self.a * self.b * dy).sum()
            return tuple(self.p.value * d for d in super().backward(dy))

    report = mc.gradcheck(Scaled(), (A, B))
    assert report and names(report) == ["a", "x[0]", "x[1]"]


def test_inputs_of_different_shapes():
    class Outer(mc.Layer):
        def forward(self, left, right):
            self.left, self.right = left, right
            return left[:, None] * right

        def backward(self, dy):
            return (dy * self.right).sum(axis=1), (dy * self.left[:, None]).sum(axis=0)

    report = mc.gradcheck(Outer(), (normal(3, 5), normal(2, 5)))
    assert report and [a.shape for a in report.arrays] == [(3, 5), (2, 5)]


def test_integers_are_not_differentiated():
    report = mc.gradcheck(Gather(), (A, np.array([0, 2, 2, 1])))
    assert report and names(report) == ["values"]
    masked = mc.gradcheck(Masked(), (A, B > 0))
    assert masked and names(masked) == ["x"]


class Masked(mc.Layer):
    def forward(self, x, mask):
        self.mask = mask
        return np.where(mask, x, 0.0)

    def backward(self, dy):
        return np.where(self.mask, dy, 0.0), "what stands here is not looked at"


def test_a_single_array_of_integers_that_only_integers_will_do_for():
    report = mc.gradcheck(Embedding(3, 5), np.array([0, 4, 4, 1]))
    assert report and names(report) == ["table"]
    assert names(mc.gradcheck(Embedding(3, 5), [0, 4, 4, 1])) == ["table"]


def test_a_single_array_of_integers_whose_backward_returns_none():
    class OneHot(Embedding):
        def forward(self, x):
            self.hot = (x == np.arange(self.table.shape[1])[:, None]) * 1.0
            return self.table.value @ self.hot

        def backward(self, dy):
            self.table.grad = dy @ self.hot.T

    assert names(mc.gradcheck(OneHot(3, 5), np.array([0, 4, 4, 1]))) == ["table"]


def test_a_single_array_of_integers_is_taken_for_real_numbers_if_they_will_do():
    assert names(mc.gradcheck(mc.Tanh(), np.arange(6).reshape(2, 3))) == ["x"]


class Wrong(Product):
    def __init__(self, returned):
        super().__init__()
        self.returned = returned

    def backward(self, dy):
        return self.returned(*super().backward(dy))


@pytest.mark.parametrize("returned, error, words", [
    (lambda a, b: a, TypeError, "backward must return a tuple, one gradient for each of a, b, got ndarray"),
    (lambda a, b: (a,), TypeError, "backward must return a tuple, one gradient for each of a, b, got 1 of them"),
    (lambda a, b: None, TypeError, "backward must return a tuple, one gradient for each of a, b, got NoneType"),
    (lambda a, b: (a, None), TypeError, "backward must return db, an array, got NoneType"),
    (lambda a, b: (a, b.T), ValueError, r"backward returned shape \(4, 3\), b has \(3, 4\)"),
    (lambda a, b: (a, b.astype("f4")), TypeError, "backward turned float64 into float32"),
])  # fmt: skip
def test_what_backward_must_return(returned, error, words):
    with pytest.raises(error, match=f"Wrong: {words}"):
        mc.gradcheck(Wrong(returned), (A, B))


@pytest.mark.parametrize("x, error, words", [
    ((), ValueError, "x is an empty tuple: give the arrays that forward takes"),
    ((A, np.ones((0, 4))), ValueError, r"b is empty, shape \(0, 4\)"),
    ((A, np.full((3, 4), np.nan)), ValueError, r"b must be finite, got nan at \(0, 0\)"),
    ((A, np.array(["u"])), TypeError, "b must hold real numbers, got <U1"),
    ((A > 0, B > 0), ValueError, "Product: x holds integers and there are no parameters: nothing to differentiate"),
])  # fmt: skip
def test_inputs_that_make_no_sense(x, error, words):
    with pytest.raises(error, match=words):
        mc.gradcheck(Product(), x)


def test_an_input_that_is_written_to():
    class Writes(Product):
        def forward(self, a, b):
            b *= 2
            return super().forward(a, b)

    with pytest.raises(ValueError, match="Writes: forward wrote to b; an input must be left as it is"):
        mc.gradcheck(Writes(), (A, B))
