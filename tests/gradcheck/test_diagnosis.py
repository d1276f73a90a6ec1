"""The mistake is named where its pattern fits, and only there."""

import numpy as np
import pytest
from checked_layers import Corrupted, normal
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc

few = settings(max_examples=30, deadline=None)


def spoilt(layer, spoil):
    """``layer`` whose backward's results go through ``spoil(layer, dy, dx)`` -> dx."""
    backward = type(layer).backward

    class Spoilt(type(layer)):
        def backward(self, dy):
            return spoil(self, dy, backward(self, dy))

    layer.__class__ = Spoilt
    return layer


def linear(inputs=4, outputs=3):
    return mc.Linear(inputs, outputs, rng=0)


def conv(**how):
    return mc.Conv2d(2, 3, 3, padding=1, rng=0, **how)


MAPS = normal(2, 6, 6, 3)


def grad(name, change):
    """A spoiler that changes one parameter's gradient."""

    def spoil(layer, dy, dx):
        parameter = getattr(layer, name)
        parameter.grad = change(parameter.grad.copy(), layer, dy)
        return dx

    return spoil


def border(value):
    def spoil(layer, dy, dx):
        dx = dx.copy()
        frame = np.ones(dx.shape[1:3], bool)
        frame[1:-1, 1:-1] = False
        dx[:, frame] = value(dx)[:, frame]
        return dx

    return spoil


def edge(dx):
    dx = dx.copy()
    dx[:, -1] = 0
    return dx


def negated(dx, place):
    dx = dx.copy()
    dx[place] *= -1
    return dx


MISTAKES = {
    "mean over the batch": (spoilt(linear(), grad("bias", lambda g, layer, dy: g / dy.shape[1])), normal(4, 5), "bias",
                            "1/5 of what it must be, and there are 5 samples"),
    "times N": (spoilt(linear(), grad("weight", lambda g, layer, dy: g * dy.shape[1])), normal(4, 5), "weight",
                "5 times what it must be, the number of samples"),
    "times 3": (spoilt(linear(), grad("weight", lambda g, layer, dy: g * 3)), normal(4, 5), "weight", "is 3 times"),
    "half of dx": (spoilt(linear(), lambda layer, dy, dx: dx / 2), normal(4, 5), "x", "0.5 times"),
    "transposed": (spoilt(linear(3, 3), grad("weight", lambda g, layer, dy: g.T)), normal(3, 5), "weight",
                   "transposed"),
    "W for its transpose": (spoilt(linear(3, 3), lambda layer, dy, dx: layer.weight.value @ dy), normal(3, 5), "x",
                            "weight in place of its transpose"),
    "sign": (spoilt(linear(), grad("bias", lambda g, layer, dy: -g)), normal(4, 5), "bias", "the sign is wrong"),
    "sign of dx": (spoilt(linear(), lambda layer, dy, dx: -dx), normal(4, 5), "x", "the sign is wrong"),
    "sign of a map": (spoilt(conv(), lambda layer, dy, dx: negated(dx, 1)), MAPS, "x", "the sign is wrong"),
    "sign of an output map": (spoilt(conv(), grad("weight", lambda g, layer, dy: negated(g, 2))), MAPS, "weight",
                              "the sign is wrong in output map 2"),
    "first sample": (spoilt(linear(), grad("bias", lambda g, layer, dy: dy[:, 0])), normal(4, 5), "bias",
                     "only the first of 5 samples"),
    "last sample": (spoilt(linear(), grad("weight", lambda g, layer, dy: dy[:, -1:] @ layer.x[:, -1:].T)), normal(4, 5),
                    "weight", "only the last of 5 samples"),
    "no dy": (spoilt(mc.Tanh(), lambda layer, dy, dx: dx / dy), normal(4, 3), "x", "dy is left out"),
    "dx zero": (spoilt(linear(), lambda layer, dy, dx: 0 * dx), normal(4, 5), "x", "all of it is 0"),
    "kernel flipped": (spoilt(conv(), grad("weight", lambda g, layer, dy: g[..., ::-1, ::-1])), MAPS, "weight",
                       "turned round"),
    "dx by a flipped kernel": (spoilt(conv(), lambda layer, dy, dx: flipped_dx(layer, dy)), MAPS, "x", "turned round"),
    "kernel transposed": (spoilt(conv(), grad("weight", lambda g, layer, dy: g.swapaxes(2, 3))), MAPS, "weight",
                          "axes 2 and 3 are exchanged"),
    "border lost": (spoilt(conv(), border(lambda dx: 0 * dx)), MAPS, "x", "pixels at all four borders are wrong"),
    "border halved": (spoilt(conv(), border(lambda dx: dx / 2)), MAPS, "x", "pixels at all four borders are wrong"),
    "last row lost": (spoilt(conv(), lambda layer, dy, dx: edge(dx)), MAPS, "x", "the bottom border are wrong"),
    "windows over the edge": (spoilt(conv(), lambda layer, dy, dx: inner_windows(layer, dy)), MAPS, "x",
                              "pixels at all four borders are wrong"),
    "padding's terms": (spoilt(conv(), lambda layer, dy, dx: edge_terms(layer, dy, dx)), MAPS, "weight",
                        "kernel elements at"),
    "one sample of dx": (spoilt(linear(), lambda layer, dy, dx: dx * (np.arange(5) != 2)), normal(4, 5), "x",
                         "sample 2"),
}  # fmt: skip


def flipped_dx(layer, dy):
    """The input gradient of the convolution whose kernels are turned round."""
    other = conv(dtype="float64")
    other.weight.value = layer.weight.value[..., ::-1, ::-1]
    other.forward(np.zeros(layer.x_shape))
    return other.backward(dy)


def inner_windows(layer, dy):
    """dx without what comes from windows that reach into the padding."""
    inner, grads = dy.copy(), [p.grad.copy() for p in layer.parameters()]
    inner[:, [0, -1]] = 0
    inner[:, :, [0, -1]] = 0
    dx = mc.Conv2d.backward(layer, inner)
    for p, grad in zip(layer.parameters(), grads):
        p.grad = grad
    return dx


def edge_terms(layer, dy, dx):
    """dW in whose outermost rows and columns something is added that does not belong there."""
    wrong = layer.weight.grad.copy()
    wrong[..., [0, -1], :] += 0.5
    wrong[..., 1, [0, -1]] += 0.5
    layer.weight.grad = wrong
    return dx


@pytest.mark.parametrize("layer, x, array, words", MISTAKES.values(), ids=MISTAKES)
def test_a_known_mistake_is_named(layer, x, array, words):
    report = mc.gradcheck(layer, x)
    assert [a.name for a in report.failed] == [array]
    assert words in report[array].likely, report
    assert f"{array}: likely {report[array].likely}" in str(report)


def test_adding_up_is_named():
    class Adds(mc.Linear):
        def backward(self, dy):
            before = self.weight.grad.copy()
            dx = super().backward(dy)
            self.weight.grad += before
            return dx

    report = mc.gradcheck(Adds(4, 3, rng=0), normal(4, 5))
    assert "weight: backward adds to the gradient that was there: it must overwrite it" in str(report)
    assert report["weight"].likely == ""


@pytest.mark.parametrize("make, x", [
    (linear, normal(4, 5)), (lambda: linear(3, 3), normal(3, 3)), (conv, MAPS),
    (lambda: mc.Subsampling(2, rng=0), MAPS), (lambda: mc.MaxPool2d(2), MAPS),
    (lambda: mc.RBF(np.sign(normal(3, 4))), normal(4, 5)), (mc.ScaledTanh, normal(3, 4)),
    (mc.ReLU, np.linspace(-1, 1, 5)[:, None]),
])  # fmt: skip
def test_a_right_layer_gets_no_diagnosis(make, x):
    report = mc.gradcheck(make(), x)
    assert report
    assert all(array.likely == "" for array in report.arrays)
    assert "likely" not in str(report)


@few
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["linear", "square", "conv"]), share=st.floats(0.1, 1))
def test_where_no_pattern_fits_nothing_is_said(seed, kind, share):
    """Random errors in random elements."""
    rng = np.random.default_rng(seed)

    def noise(layer, dy, dx):
        generator = np.random.default_rng(seed)
        for p in layer.parameters():
            p.grad = p.grad + generator.standard_normal(p.shape) * (generator.random(p.shape) < share)
        return dx + generator.standard_normal(dx.shape) * (generator.random(dx.shape) < share)

    layer, x = {"linear": (linear(), (4, 3)), "square": (linear(3, 3), (3, 3)), "conv": (conv(), (2, 4, 4, 2))}[kind]
    report = mc.gradcheck(spoilt(layer, noise), rng.standard_normal(x))
    big = [array for array in report.failed if array.wrong > 4]
    assert all(array.likely == "" for array in big), report


@pytest.mark.parametrize("name, index", [("weight", (1, 2)), ("x", (2, 1)), ("bias", (1,))])
def test_a_single_wrong_element_is_no_pattern(name, index):
    assert mc.gradcheck(Corrupted(linear(), name, index, 0.3), normal(4, 5))[name].likely == ""


@few
@given(n=st.integers(2, 7), seed=st.integers(0, 1000))
def test_the_factor_n_is_told_for_any_number_of_samples(n, seed):
    layer = spoilt(linear(), grad("weight", lambda g, layer, dy: g / dy.shape[1]))
    assert f"there are {n} samples" in mc.gradcheck(layer, normal(4, n, seed=seed))["weight"].likely


def test_a_factor_of_n_is_not_seen_where_there_is_one_sample():
    report = mc.gradcheck(spoilt(linear(), grad("bias", lambda g, layer, dy: g / dy.shape[1])), normal(4, 1))
    assert report


def test_a_part_of_the_elements_is_enough_for_patterns_of_values_but_not_of_places():
    layer = spoilt(linear(6, 6), grad("weight", lambda g, layer, dy: g / dy.shape[1]))
    assert "5 samples" in mc.gradcheck(layer, normal(6, 5), samples=8)["weight"].likely
    layer = spoilt(linear(6, 6), grad("weight", lambda g, layer, dy: g.T))
    assert mc.gradcheck(layer, normal(6, 5), samples=8)["weight"].likely == ""


def test_a_loss_that_forgets_the_mean():
    class Sums(mc.losses.CrossEntropyLoss):
        def backward(self):
            return super().backward() * 4

    report = mc.gradcheck(Sums(), normal(3, 4), labels=np.array([0, 1, 2, 1]))
    assert "4 times what it must be, the number of samples" in report["x"].likely


def test_the_layer_is_as_it_was_after_a_diagnosis_that_tries_other_weights():
    layer = spoilt(linear(3, 3), lambda layer, dy, dx: dx + 1)
    before = layer.weight.value.copy()
    report = mc.gradcheck(layer, normal(3, 2))
    assert not report
    assert np.array_equal(layer.weight.value, before)


def test_not_a_number_gets_no_guess():
    report = mc.gradcheck(spoilt(linear(), lambda layer, dy, dx: dx * np.nan), normal(4, 5))
    assert not report["x"].passed and report["x"].likely == ""
