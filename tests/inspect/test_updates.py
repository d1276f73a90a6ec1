"""UpdateRatios: what a step did to the weights, and an optimizer that is none the wiser."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.inspect import UpdateRatios


def one_layer(backend="numpy"):
    return mc.Sequential({"a": mc.Linear(3, 2, rng=0)}).to(backend)


def test_the_ratio_is_the_relative_length_of_the_step(backend):
    net = one_layer(backend)
    weight = net["a"].weight
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    before = net.backend.to_numpy(weight.value).copy()
    with UpdateRatios(net, optimizer) as ratios:
        weight.grad = weight.value * 2
        optimizer.step()
    after = net.backend.to_numpy(weight.value)
    assert ratios.ratios["a.weight"] == pytest.approx([0.2], rel=1e-5)
    assert np.linalg.norm(after - before) / np.linalg.norm(before) == pytest.approx(0.2, rel=1e-5)
    assert list(ratios.ratios) == ["a.weight"]


def test_only_every_so_many_steps_are_looked_at_but_all_are_taken():
    net = one_layer()
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    net["a"].bias.grad = np.ones(2, np.float32)
    start = net["a"].bias.value.copy()
    with UpdateRatios(net, optimizer, every=3) as ratios:
        for _ in range(7):
            optimizer.step()
    assert ratios.steps == [1, 4, 7]
    assert np.allclose(net["a"].bias.value, start - 0.7)


def test_the_optimizer_is_as_before_after_the_block_and_after_an_error():
    net = one_layer()
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    watch = UpdateRatios(net, optimizer)
    with pytest.raises(KeyboardInterrupt), watch:
        raise KeyboardInterrupt
    optimizer.step()
    assert watch.steps == []
    assert "step" not in vars(optimizer)


@pytest.mark.slow
def test_training_is_bit_equal_with_and_without():
    rng = np.random.default_rng(0)
    train = mc.data.Dataset(rng.integers(0, 256, (40, 28, 28), dtype=np.uint8), np.arange(40) % 10)

    def trained(watched):
        net = mc.models.lenet5(rng=0)
        optimizer = mc.optim.SGD(net.parameters(), 0.001, momentum=0.9)
        fit = dict(epochs=2, batch_size=16, progress=False)
        if not watched:
            mc.training.fit(net, mc.losses.RBFLoss(), optimizer, train, **fit)
            return net.vector.values
        with UpdateRatios(net, optimizer) as ratios:
            mc.training.fit(net, mc.losses.RBFLoss(), optimizer, train, **fit)
        assert ratios.steps == [1, 2, 3, 4, 5, 6]
        assert all(0 < ratio < 1 for values in ratios.ratios.values() for ratio in values)
        return net.vector.values

    assert np.array_equal(trained(False), trained(True))


def test_nothing_to_watch_and_a_bad_interval_are_errors():
    net = mc.Sequential({"tanh": mc.Tanh(), "a": mc.Linear(2, 2)})
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(ValueError, match="every must be at least 1"):
        UpdateRatios(net, optimizer, every=0)
    with pytest.raises(ValueError, match="no weights"):
        UpdateRatios(mc.Sequential([mc.Tanh()]), optimizer)
