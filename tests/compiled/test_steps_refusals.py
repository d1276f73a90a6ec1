"""What the compiled step refuses, and how it ends when something goes wrong within it."""

import math

import numpy as np
import pytest
from step_networks import NETWORKS, Centre, small_network
from trainings import batches_of, digits, lenet5

import minicnn as mc
from minicnn.compiled.steps import Steps


def test_threads_must_be_a_number_of_them():
    net, loss, optimizer = lenet5()
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Steps(net, loss, optimizer, digits(), 64, 0)
    with pytest.raises(TypeError, match="threads must be an integer"):
        Steps(net, loss, optimizer, digits(), 64, 2.5)


def test_labels_that_the_network_has_no_output_for(form):
    net, loss, optimizer = lenet5()
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.9, got 10"), \
            Steps(net, loss, optimizer, digits(classes=11), 64, 1):  # fmt: skip
        pass


def test_outputs_that_are_no_classes(form):
    net = mc.Sequential([mc.Conv2d(1, 10, 5, rng=0)], preprocess=mc.data.transforms.UNIT)
    with pytest.raises(ValueError, match=r"outputs must have shape \(classes, N\)"), \
            Steps(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.1), digits(), 8, 1):  # fmt: skip
        pass


def test_no_step_is_taken_from_a_loss_that_is_not_finite(form):
    net, data = NETWORKS["nothing but a linear layer"](), digits()
    optimizer = mc.optim.SGD(net.parameters(), 1e308)
    with Steps(net, mc.losses.CrossEntropyLoss(), optimizer, data, 40, 2) as trained:
        for _, _, value, _ in trained.epoch(batches_of(data, 40, 20), [1e308] * 20):
            if not math.isfinite(value):
                before = net.vector.values.copy()
                break
        else:
            pytest.fail("the loss stayed finite")
    assert np.array_equal(net.vector.values, before, equal_nan=True)


def test_a_batch_larger_than_memory(form, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 1000)  # a machine with a million bytes
    net = small_network(Centre())
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(MemoryError, match=r"batch_size 200 needs .* GiB where a layer"), \
            Steps(net, mc.losses.CrossEntropyLoss(), optimizer, digits(), 200, 1):  # fmt: skip
        pass


def test_an_error_in_a_layer_of_ones_own_reaches_the_caller(form):
    class Broken(mc.Layer):
        calls = 0

        def forward(self, x):
            Broken.calls += 1
            if Broken.calls > 4:
                raise RuntimeError("my layer is broken")
            return x

        def backward(self, dy):
            return dy

    net = small_network(Broken())
    data = digits()
    with Steps(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.1), data, 40, 2) as trained:
        with pytest.raises(RuntimeError, match="my layer is broken"):
            list(trained.epoch(batches_of(data, 40, 20), [0.1] * 20))


def test_a_layer_that_returns_something_else(form):
    class Strange(Centre):
        def forward(self, x):
            return x.sum(axis=-1)

    net = small_network(Strange())
    with pytest.raises(TypeError, match=r"6\.Strange: forward must return a float64 array whose last axis"), \
            Steps(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.1), digits(), 40, 1):  # fmt: skip
        pass
