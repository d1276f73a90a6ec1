"""Stochastic diagonal Levenberg-Marquardt, its curvature, and training with both."""

import os
import signal
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import minicnn as mc
from minicnn.optim import StochasticDiagonalLM
from minicnn.training import RECIPES, Recipe, curvature, fit
from minicnn.training.progress import Progress


def small_net(seed=0):
    rng = np.random.default_rng(seed)
    return mc.Sequential({
        "conv": mc.Conv2d(1, 2, 5, stride=2, rng=rng), "squash": mc.ScaledTanh(), "pool": mc.Subsampling(2, rng=rng),
        "flatten": mc.Flatten(), "out": mc.Linear(2 * 7 * 7, 10, rng=rng),
    }, preprocess=mc.data.LENET5_1998)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(200)), test.subset(slice(50))


def test_a_step_by_hand():
    net = mc.Sequential([mc.Linear(2, 1, bias=False, dtype="float64")])
    net.vector.values[...], net.vector.grads[...] = [1.0, 2.0], [0.5, -0.5]
    optimizer = StochasticDiagonalLM(net.parameters(), lr=0.1, mu=0.02)
    with pytest.raises(RuntimeError, match="no curvature yet"):
        optimizer.step()
    optimizer.use_curvature(np.array([0.0, 0.48]))
    optimizer.step()
    np.testing.assert_allclose(net.vector.values, [1 - 0.1 / 0.02 * 0.5, 2 + 0.1 / 0.5 * 0.5])
    assert optimizer.report() == pytest.approx({"step_min": 0.2, "step_max": 5.0})
    optimizer.lr = 0.2
    assert optimizer.report()["step_max"] == pytest.approx(10.0)


def test_curvature_is_the_mean_over_samples_however_they_are_split(digits):
    net, loss = small_net().to(dtype="float64"), mc.losses.CrossEntropyLoss()
    images, labels = digits[0].images, digits[0].labels
    whole = curvature(net, loss, images[:130], labels[:130])  # in two parts
    single = [curvature(net, loss, images[i : i + 1], labels[i : i + 1]) for i in range(130)]
    np.testing.assert_allclose(whole, np.mean(single, axis=0), rtol=1e-9)
    assert whole.shape == net.vector.values.shape and (whole >= 0).all() and whole.max() > 0


def test_lenet5s_curvature_is_the_mean_over_samples(digits):
    """Version 0.1 mixed up C3's where several samples went through the layers at once."""
    net, loss, batch = mc.models.lenet5(rng=0, dtype="float64"), mc.losses.RBFLoss(), digits[0].subset(slice(8))
    single = [curvature(net, loss, batch.images[i : i + 1], batch.labels[i : i + 1]) for i in range(8)]
    np.testing.assert_allclose(curvature(net, loss, batch.images, batch.labels), np.mean(single, axis=0), rtol=1e-9)


def test_curvature_follows_the_order_of_the_vector(digits):
    net, loss = small_net(), mc.losses.CrossEntropyLoss()
    h = curvature(net, loss, digits[0].images[:20], digits[0].labels[:20])
    start = 0
    for p in net.parameters():
        np.testing.assert_array_equal(h[start : start + p.size], p.curvature.ravel())
        start += p.size


def first_steps(recipe, seed):
    """The step sizes of LeNet-5's first pass by a recipe, from 500 digits of the sample."""
    train = mc.data.load_sample()[0]
    net = mc.models.lenet5(rng=seed, **recipe.network())
    optimizer = recipe.make_optimizer(net.parameters())
    optimizer.use_curvature(curvature(net, recipe.make_loss(), train.images[:500], train.labels[:500]))
    return optimizer.rates()[0]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_papers_range_of_step_sizes(seed):
    """7e-5 to 0.016 in the first pass, says the paper."""
    steps = first_steps(RECIPES["paper"], seed)
    assert 7e-5 / 4 < steps.min() < 7e-5 * 4 and 0.016 / 4 < steps.max() < 0.016 * 1.6


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_taken_to_the_letter_most_weights_step_nearly_as_far_as_mu_lets_them(seed):
    steps, most = first_steps(RECIPES["paper-literal"], seed), 0.0005 / 0.02
    assert steps.max() > 0.99 * most and np.median(steps) > 0.7 * most
    assert np.median(first_steps(RECIPES["paper"], seed)) < 0.5 * most


@pytest.mark.parametrize("memory, expected", [(0, [1.0, 5.0]), (0.5, [2.0, 5.0]), (1, [4.0, 5.0])])
def test_an_estimate_counts_but_no_less_than_a_share_of_what_is_in_use(memory, expected):
    net = mc.Sequential([mc.Linear(2, 1, bias=False, dtype="float64")])
    optimizer = StochasticDiagonalLM(net.parameters(), lr=0.1, mu=0.5, memory=memory)
    optimizer.use_curvature(np.array([4.0, 2.0]))
    assert optimizer.report() == pytest.approx({"step_min": 0.1 / 4.5, "step_max": 0.1 / 2.5})
    optimizer.use_curvature(np.array([1.0, 5.0]))
    np.testing.assert_allclose(optimizer.rates()[0], 0.1 / (0.5 + np.array(expected)))
    state = optimizer.state_dict(np.asarray)
    other = StochasticDiagonalLM(net.parameters(), lr=0.1, mu=0.5, memory=memory)
    other.use_curvature(np.array([9.0, 9.0]))
    other.load_state_dict(state, np.asarray)  # a state replaces what is in use; it is no estimate
    np.testing.assert_array_equal(other.curvature, expected)
    with pytest.raises(ValueError, match="optimizer state has arrays"):
        other.load_state_dict({**state, "velocity0": np.zeros(3)}, np.asarray)
    np.testing.assert_array_equal(other.curvature, expected)  # a state that is refused changes nothing


def test_half_the_criterion_is_twice_mu(digits):
    """lr g/2 / (mu + h/2) = lr g / (2 mu + h): whether the criterion is y or y/2 is a question of mu."""
    net, loss = small_net().to(dtype="float64"), mc.losses.CrossEntropyLoss()
    h = curvature(net, loss, digits[0].images[:50], digits[0].labels[:50])
    half, whole = (StochasticDiagonalLM(net.parameters(), 0.001, mu=mu) for mu in (0.02, 0.04))
    half.use_curvature(h / 2), whole.use_curvature(h)
    np.testing.assert_allclose(half.rates()[0] * net.vector.grads / 2, whole.rates()[0] * net.vector.grads)


def train(digits, seed=0, epochs=2, net=None, memory=0.0, **how):
    net = net or small_net(seed)
    optimizer = StochasticDiagonalLM(net.parameters(), 0.001, curvature_samples=50, memory=memory)
    how = {"batch_size": 7, "seed": seed, "progress": False, "augment": mc.data.Distortion(), **how}
    return net, fit(net, mc.losses.CrossEntropyLoss(), optimizer, *digits, epochs=epochs, **how)


def test_training_learns_records_and_repeats_itself(digits):
    net, history = train(digits, epochs=4)
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]
    for record in history:
        assert 0 < record["step_min"] < record["step_max"] <= 0.001 / 0.02 * (1 + 1e-6)
        assert record["augment_seconds"] > 0 and record["curvature_seconds"] > 0
    assert np.array_equal(net.vector.values, train(digits, epochs=4)[0].vector.values)


@pytest.mark.parametrize("threads, memory", [(1, 0.5), (2, 0.0)])
def test_resuming_is_bit_equal_with_curvature_and_distortions(digits, tmp_path, threads, memory):
    path, how = tmp_path / "c.npz", {"batch_size": 40, "memory": memory}  # so that threads have something to share
    whole, _ = train(digits, epochs=3, threads=1, **how)
    train(digits, epochs=1, threads=threads, checkpoint=path, **how)
    resumed, _ = train(digits, net=small_net(5), epochs=3, threads=threads, resume=path, **how)
    assert np.array_equal(whole.vector.values, resumed.vector.values)


def test_an_estimate_by_hand_is_kept(digits):
    net, loss = small_net(), mc.losses.CrossEntropyLoss()
    optimizer = StochasticDiagonalLM(net.parameters(), 0.001, curvature_samples=0)
    with pytest.raises(RuntimeError, match="no curvature yet"):
        fit(net, loss, optimizer, digits[0], epochs=1, progress=False)
    h = curvature(net, loss, digits[0].images[:50], digits[0].labels[:50])
    optimizer.use_curvature(h.copy())
    history = fit(net, loss, optimizer, digits[0], epochs=2, progress=False)
    assert np.array_equal(optimizer.curvature, h) and "curvature_seconds" not in history[0]


def test_with_a_memory_of_1_no_step_ever_grows(digits):
    _, history = train(digits, epochs=4, memory=1)
    for before, after in pairwise(history):
        assert after["step_min"] <= before["step_min"] and after["step_max"] <= before["step_max"]
    _, latest = train(digits, epochs=4)
    assert any(after["step_max"] > before["step_max"] for before, after in pairwise(latest))


def test_stopping_within_an_epoch_keeps_its_curvature(digits, tmp_path, monkeypatch):
    path, add, steps = tmp_path / "c.npz", Progress.add, []

    def interrupting(self, *numbers):
        add(self, *numbers)
        steps.append(numbers)
        if len(steps) == 30:  # 29 steps an epoch
            os.kill(os.getpid(), signal.SIGINT)

    whole, _ = train(digits)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "add", interrupting)
        _, stopped = train(digits, checkpoint=path)
    assert stopped.interrupted and mc.training.read_facts(path)[1]["progress"]["batch"] == 1
    resumed, _ = train(digits, net=small_net(5), resume=path)
    assert np.array_equal(whole.vector.values, resumed.vector.values)


def test_bad_settings(digits, tmp_path):
    net = small_net()
    for how, words in (
        ({"lr": 0}, "lr must be positive"),
        ({"lr": 1, "mu": 0}, "mu must be positive"),
        ({"lr": 1, "mu": float("nan")}, "mu must be positive"),
        ({"lr": 1, "curvature_samples": -1}, "curvature_samples must be at least 0, got -1"),
        ({"lr": 1, "memory": 1.1}, "memory must be at least 0 and at most 1, got 1.1"),
        ({"lr": 1, "memory": -0.1}, "memory must be at least 0 and at most 1, got -0.1"),
    ):
        with pytest.raises(ValueError, match=words):
            StochasticDiagonalLM(net.parameters(), **how)
    with pytest.raises(ValueError, match="all parameters of one network"):
        StochasticDiagonalLM(net["out"].parameters(), 0.1)
    optimizer = StochasticDiagonalLM(net.parameters(), 0.1)
    with pytest.raises(ValueError, match=r"h must have shape \(\d+,\)"):
        optimizer.use_curvature(np.zeros(3))
    with pytest.raises(ValueError, match="h must be at least 0"):
        optimizer.use_curvature(net.vector.values * 0 - 1)
    with pytest.raises(ValueError, match="curvature_samples must be at most the 200 samples of train, got 500"):
        fit(net, mc.losses.CrossEntropyLoss(), optimizer, digits[0], epochs=1, progress=False)


def test_a_checkpoint_of_plain_sgd_is_refused(digits, tmp_path):
    net = small_net()
    path = tmp_path / "sgd.npz"
    fit(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.01), digits[0], epochs=1, progress=False,
        batch_size=7, checkpoint=path)  # fmt: skip
    with pytest.raises(mc.errors.CheckpointError, match="optimizer state has no curvature"):
        train(digits, resume=path)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_make_what_they_say(name):
    recipe, net = RECIPES[name], mc.models.lenet5(rng=0)
    optimizer, schedule = recipe.make_optimizer(net.parameters()), recipe.make_schedule()
    assert isinstance(optimizer, StochasticDiagonalLM) == (recipe.optimizer == "sdlm")
    assert optimizer.lr == schedule(0) == recipe.lr and schedule(recipe.epochs - 1) < recipe.lr / 10
    assert (optimizer.momentum, optimizer.weight_decay) == (recipe.momentum, recipe.weight_decay)
    assert isinstance(recipe.make_loss(), mc.losses.Loss)


@pytest.mark.parametrize("name", ["paper", "paper-literal"])
def test_the_papers_recipe_has_its_numbers(name):
    recipe = RECIPES[name]
    rates = [recipe.make_schedule()(epoch) for epoch in range(20)]
    assert rates == pytest.approx([5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8)
    assert (recipe.batch_size, recipe.epochs, recipe.mu) == (1, 20, 0.02)
    assert recipe.make_optimizer(mc.models.lenet5(rng=0).parameters()).curvature_samples == 500
    literal = name == "paper-literal"
    assert (recipe.init, recipe.memory) == (("lecun1998", 0) if literal else ("unit-variance", 0.5))
    assert (recipe.loss, recipe.j) == (("rbf", 2) if literal else ("map", 10))


def test_the_papers_table_held_before_its_last_line():
    schedule = replace(RECIPES["paper"], schedule="held", lr=1e-3).make_schedule()
    assert [schedule(epoch) for epoch in (0, 2, 5, 8, 12, 99)] == pytest.approx([1e-3, 4e-4, 2e-4, 1e-4, 1e-4, 1e-4])


def test_recipes_of_unknown_parts():
    for part in ("loss", "optimizer", "schedule", "init"):
        with pytest.raises(ValueError, match=f"{part} must be one of .*, got 'x'"):
            Recipe("", **{part: "x"})
