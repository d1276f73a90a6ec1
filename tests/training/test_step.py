"""The training step and its reused buffers: whatever came before, the gradient is that of the batch."""

from contextlib import ExitStack

import numpy as np
import pytest

import minicnn as mc
from minicnn.backend import Backend
from minicnn.training.step import GradientStep, cache_sized

BATCHES = (64, 1, 33, 7, 64, 100, 1, 32)


class Reference(Backend):
    """The plain array code on NumPy, the whole batch at once."""

    name = "numpy"

    def __init__(self):
        super().__init__(np)

    def to_numpy(self, a):
        return np.asarray(a)


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0]


def networks():
    return {
        "LeNet-5": (mc.models.lenet5(rng=0, dtype="float64"), mc.losses.MAPLoss(2.0)),
        "modern": (mc.models.lenet_modern(rng=0, dtype="float64"), mc.losses.CrossEntropyLoss(reduction="sum")),
    }


def reference_gradient(net, loss, digits, indices):
    """(loss a batch, errors, gradient) from the reference backend, every array new."""
    make = mc.models.lenet5 if "C1" in [layer.name for layer in net] else mc.models.lenet_modern
    twin = make(dtype="float64")
    twin.load_state_dict(net.state_dict())
    twin.to(Reference())
    outputs = twin.forward(twin.input(digits.images[indices]))
    value = loss.forward(outputs, digits.labels[indices])
    twin.backward(loss.backward())
    wrong = int((twin.decide(outputs) != digits.labels[indices]).sum())
    return loss.total(value, len(indices)), wrong, twin.vector.grads.copy()


def test_every_batch_size_in_any_order_agrees_with_the_reference(digits):
    rng = np.random.default_rng(0)
    for net, loss in networks().values():
        with GradientStep(net, loss, digits) as step:
            for size in BATCHES:
                indices = rng.integers(0, len(digits), size)
                value, wrong = step(indices)
                gradient = net.vector.grads.copy()
                expected_value, expected_wrong, expected = reference_gradient(net, loss, digits, indices)
                assert (value, wrong) == (pytest.approx(expected_value, rel=1e-9), expected_wrong)
                np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-10 * np.abs(expected).max())


def test_two_networks_trained_in_turn_do_not_disturb_each_other(digits):
    batches = [np.random.default_rng(i).integers(0, len(digits), size) for i, size in enumerate(BATCHES)]

    def trained(together):
        pairs = networks()
        steps = {name: GradientStep(net, loss, digits) for name, (net, loss) in pairs.items()}
        optimizers = {name: mc.optim.SGD(net.parameters(), 1e-4, momentum=0.9) for name, (net, _) in pairs.items()}
        jobs = [(b, n) for b in batches for n in pairs] if together else [(b, n) for n in pairs for b in batches]
        with ExitStack() as stack:
            gradient_of = {name: stack.enter_context(step) for name, step in steps.items()}
            for indices, name in jobs:
                gradient_of[name](indices)
                optimizers[name].step()
        return [net.vector.values for net, _ in pairs.values()]

    for in_turn, one_by_one in zip(trained(together=True), trained(together=False)):
        assert np.array_equal(in_turn, one_by_one)


def test_parts_are_as_few_as_fit_and_equal():
    assert [len(p) for p in cache_sized(np.arange(100), 32)] == [25, 25, 25, 25]
    assert [len(p) for p in cache_sized(np.arange(33), 32)] == [17, 16]
    for count, samples in ((32, 32), (1, 32), (500, None)):
        (part,) = cache_sized(np.arange(count), samples)
        assert np.array_equal(part, np.arange(count))
