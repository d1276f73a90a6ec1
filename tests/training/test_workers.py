"""Worker processes: errors come back, nobody is left behind."""

import multiprocessing
import os

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import WorkerError
from minicnn.training.step import GradientStep
from minicnn.training.workers import WorkerPool, default_workers


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(np.arange(0, 4000, 40))


class FailsInAWorker(mc.losses.CrossEntropyLoss):
    """Computes here, raises or dies in a worker process."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, outputs, labels):
        if multiprocessing.parent_process() is not None:
            if self.how == "die":
                os._exit(3)
            raise ZeroDivisionError("the loss of a worker")
        return super().forward(outputs, labels)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_the_parts_add_up_to_the_whole(digits, reduction, count):
    net = mc.models.lenet_modern(rng=0, dtype="float64")
    loss = mc.losses.CrossEntropyLoss(reduction)
    indices = np.random.default_rng(count).integers(0, len(digits), count)
    with GradientStep(net, loss, digits) as step:
        whole = step(indices)
        gradient = net.vector.grads.copy()
    with WorkerPool(net, loss, digits, 3) as pool:
        for _ in range(2):
            parts = pool(indices)
            np.testing.assert_allclose(net.vector.grads, gradient, rtol=1e-9, atol=1e-12)
            assert parts == pytest.approx(whole)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("how, words", [("raise", "the loss of a worker"), ("die", "exit code 3")])
def test_a_failing_worker_is_reported_and_none_is_left(digits, how, words):
    net = mc.models.lenet_modern(rng=0)
    with pytest.raises(WorkerError, match=words), WorkerPool(net, FailsInAWorker(how), digits, 2) as pool:
        pool(np.arange(8))
    assert not multiprocessing.active_children()


def test_no_process_is_left_when_the_caller_fails(digits):
    net = mc.models.lenet_modern(rng=0)
    with pytest.raises(KeyError), WorkerPool(net, mc.losses.CrossEntropyLoss(), digits, 2):
        assert len(multiprocessing.active_children()) == 1
        raise KeyError
    assert not multiprocessing.active_children()


def test_workers_follow_the_batch_size():
    assert default_workers(1) == default_workers(32) == 1
    assert 1 <= default_workers(64) <= 2
