"""SGD by hand, and learning-rate schedules."""

import math

import numpy as np
import pytest

import minicnn as mc
from minicnn.optim.schedules import Constant, Cosine, StepTable


def one_weight(w, g):
    net = mc.Sequential([mc.Linear(1, 1, bias=False, dtype="float64")])
    net.vector.values[...], net.vector.grads[...] = w, g
    return net


def test_the_update_rule_by_hand():
    net = one_weight(2.0, 0.5)
    sgd = mc.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    sgd.step()
    v, w = 0.5 + 0.01 * 2, 2 - 0.1 * 0.52
    assert net.vector.values[0] == pytest.approx(w, rel=1e-15)
    sgd.step()
    v = 0.9 * v + 0.5 + 0.01 * w
    assert net.vector.values[0] == pytest.approx(w - 0.1 * v, rel=1e-15)


def test_nesterov_by_hand():
    net = one_weight(2.0, 0.5)
    mc.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True).step()
    assert net.vector.values[0] == pytest.approx(2 - 0.1 * (0.5 + 0.9 * 0.5), rel=1e-15)


def test_some_of_a_networks_parameters_train_alone():
    net = mc.Sequential({"a": mc.Linear(2, 2, rng=0), "b": mc.Linear(2, 2, rng=1)})
    before = net.state_dict()
    net.vector.grads[...] = 1
    mc.optim.SGD(net["b"].parameters(), lr=1.0, momentum=0.5).step()
    after = net.state_dict()
    assert np.array_equal(before["a.weight"], after["a.weight"])
    np.testing.assert_allclose(after["b.weight"], before["b.weight"] - 1, rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: mc.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
        lambda p: mc.optim.Adam(p, weight_decay=0.1, amsgrad=True), lambda p: mc.optim.AdamW(p),
    ],
)  # fmt: skip
def test_gradients_are_not_written_to(make):
    net = one_weight(2.0, 0.5)
    make(net.parameters()).step()
    assert net.vector.grads[0] == 0.5


def test_adams_first_step_is_as_long_as_lr_whatever_the_gradient():
    for g in (1e-3, 1e3):
        net = one_weight(2.0, g)
        mc.optim.Adam(net.parameters(), lr=0.1, eps=0).step()
        assert net.vector.values[0] == pytest.approx(1.9, rel=1e-12)


@pytest.mark.parametrize(
    "how, words",
    [
        ({"lr": -1}, "lr must be at least 0, got -1"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be at least 0 and below 1, got 1.0"),
        ({"betas": (-0.1, 0.9)}, r"betas\[0\] must be at least 0"),
        ({"eps": -1e-8}, "eps must be at least 0"),
        ({"weight_decay": math.nan}, "weight_decay must be at least 0, got nan"),
    ],
)
def test_settings_of_adam_that_make_no_sense(how, words):
    for kind in (mc.optim.Adam, mc.optim.AdamW):
        with pytest.raises(ValueError, match=words):
            kind(one_weight(1.0, 1.0).parameters(), **how)


def test_an_optimizer_without_a_step_says_so():
    with pytest.raises(NotImplementedError, match=r"Optimizer must have a step\(\)"):
        mc.optim.Optimizer(one_weight(1.0, 1.0).parameters(), 0.1).step()


def test_a_network_moved_later_is_noticed():
    net = one_weight(2.0, 0.5)
    sgd = mc.optim.SGD(net.parameters(), lr=0.1)
    net.to(dtype="float32")
    with pytest.raises(RuntimeError, match=r"call net\.to\(\.\.\.\) first"):
        sgd.step()


@pytest.mark.parametrize(
    "how, words",
    [
        ({"lr": -1}, "lr must be at least 0"),
        ({"lr": math.nan}, "lr must be at least 0"),
        ({"lr": 1, "momentum": -0.1}, "momentum must"),
        ({"lr": 1, "weight_decay": -0.1}, "weight_decay must"),
        ({"lr": 1, "nesterov": True}, "nesterov needs"),
    ],
)
def test_settings_that_make_no_sense(how, words):
    with pytest.raises(ValueError, match=words):
        mc.optim.SGD(one_weight(1, 1).parameters(), **how)
    with pytest.raises(ValueError, match="parameters is empty"):
        mc.optim.SGD([], 0.1)


def test_schedules():
    assert Constant(0.1)(7) == 0.1
    table = StepTable(((0.5, 2), (0.2, 3), (0.1, 1)))
    assert [table(e) for e in (0, 1.99, 2, 4.9, 5, 6, 60)] == [0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1]
    cosine = Cosine(0.4, epochs=10, final=0.2)
    assert [cosine(e) for e in (0, 5, 10, 11)] == pytest.approx([0.4, 0.3, 0.2, 0.2])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Constant(0), "lr must be positive"),
        (lambda: Cosine(math.inf, 3), "lr must be positive and finite"),
        (lambda: Cosine(0.1, 0), "epochs must be positive"),
        (lambda: Cosine(0.1, 3, final=0.2), "final must lie"),
        (lambda: StepTable(()), "table is empty"),
        (lambda: StepTable(((0.1, 0),)), "epochs must be positive"),
    ],
)
def test_schedules_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make()
