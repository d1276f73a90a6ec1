"""An average of the weights beside the training that it knows nothing of."""

import signal

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.serialization import save_npz
from minicnn.training import AveragedNetwork, evaluate, fit, load_checkpoint, read_facts


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(200)), test.subset(slice(100))


class Halves(mc.optim.Optimizer):
    """w <- w/2: no optimizer that the compiler knows."""

    def step(self):
        for w, _ in self.stretches:
            w *= 0.5


def network(seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return mc.Sequential([
        mc.Conv2d(1, 3, 5, stride=3, rng=rng), mc.BatchNorm2d(3), mc.ScaledTanh(), mc.Flatten(),
        mc.Linear(192, 10, rng=rng),
    ], preprocess=mc.data.UNIT).to(dtype=dtype)  # fmt: skip


def plain(seed=0, backend="numpy"):
    rng = np.random.default_rng(seed)
    return mc.Sequential({
        "conv": mc.Conv2d(1, 2, 5, stride=2, rng=rng), "squash": mc.ScaledTanh(), "pool": mc.MaxPool2d(2),
        "flatten": mc.Flatten(), "out": mc.Linear(2 * 7 * 7, 10, rng=rng),
    }, preprocess=mc.data.LENET5_1998).to(backend)  # fmt: skip


def train(net, digits, average=None, optimizer=None, *, epochs=2, **how):
    optimizer = optimizer or mc.optim.SGD(net.parameters(), 0.02, momentum=0.9)
    how = {"batch_size": 16, "progress": False, **how}
    return fit(net, mc.losses.CrossEntropyLoss(), optimizer, *digits, epochs=epochs, average=average, **how)


@pytest.mark.parametrize("every", [1, 4, 100])
def test_it_is_the_moving_average_of_the_weights_after_every_so_many_steps(digits, every):
    """Thirteen steps an epoch, each of which halves the weights, so that those of any step are known."""
    net = network(dtype="float64")
    first = net.vector.values.copy()
    average = AveragedNetwork(net, decay=0.8, every=every)
    train(net, digits, average, Halves(net.parameters(), 0.1))
    expected, since = 1.0, 0
    for step in range(1, 27):
        since += 1
        if step % 13 == 0 or step % 13 % every == 0:
            kept = 0.8**since
            expected, since = kept * expected + (1 - kept) * 0.5**step, 0
    np.testing.assert_allclose(average.network.vector.values, expected * first, rtol=1e-12)
    np.testing.assert_allclose(net.vector.values, 0.5**26 * first, rtol=1e-12)


@pytest.mark.parametrize("make", [plain, network])
def test_training_knows_nothing_of_it(digits, make):
    alone, net = make(), make()
    average = AveragedNetwork(net, 0.9, every=5)
    history, beside = train(alone, digits), train(net, digits, average)
    assert np.array_equal(alone.vector.values, net.vector.values)
    times = ("seconds", "images_per_second")
    assert [{k: v for k, v in r.items() if k not in times and "average" not in k} for r in beside] == [
        {k: v for k, v in r.items() if k not in times} for r in history
    ]


def test_it_is_tested_beside_the_network(digits, capsys):
    net = plain()
    average = AveragedNetwork(net, 0.9)
    history = train(net, digits, average, epochs=1, progress=True)
    result = evaluate(average.network, digits[1], mc.losses.CrossEntropyLoss())
    assert (history[0]["average_test_error"], history[0]["average_test_loss"]) == (result.error_rate, result.loss)
    assert result.loss != history[0]["test_loss"] == evaluate(net, digits[1], mc.losses.CrossEntropyLoss()).loss
    assert f"(average: {result.error_rate:.2%})" in capsys.readouterr().out


def test_statistics_are_those_of_the_trained_network(digits):
    net = network()
    average = AveragedNetwork(net, 0.5)
    train(net, digits, average)
    buffers = dict(average.network.named_buffers())
    assert buffers and all(np.array_equal(buffers[name], a) for name, a in net.named_buffers())
    next(iter(buffers.values()))[...] = 7
    assert not any((a == 7).any() for _, a in net.named_buffers())


@pytest.mark.parametrize("make", [plain, network])
@pytest.mark.parametrize("every", [1, 4, 5])
def test_going_on_is_bit_equal(digits, tmp_path, make, every):
    whole, half, resumed = make(0), make(0), make(9)
    averages = [AveragedNetwork(net, 0.9, every) for net in (whole, half, resumed)]
    history = train(whole, digits, averages[0], epochs=3)
    train(half, digits, averages[1], epochs=1, checkpoint=tmp_path / "c.npz")
    again = train(resumed, digits, averages[2], epochs=3, resume=tmp_path / "c.npz")
    for ours, theirs in ((resumed, whole), (averages[2].network, averages[0].network)):
        assert all(np.array_equal(ours.state_dict()[name], array) for name, array in theirs.state_dict().items())
    assert [r["average_test_loss"] for r in again] == [r["average_test_loss"] for r in history]


def test_going_on_within_an_epoch_is_bit_equal(digits, tmp_path):
    """Steps by the optimizer's own method, so that the signal falls between two of them."""

    class Slow(mc.optim.SGD):
        steps = 0

        def step(self):
            Slow.steps += 1
            if Slow.steps == self.stop_at:
                signal.raise_signal(signal.SIGINT)
            super().step()

    for stop_at in (4, 6, 13, 15):  # at a multiple of every, between two, at an epoch's end, in the second
        whole, net, resumed = plain(0), plain(0), plain(9)
        averages = [AveragedNetwork(each, 0.9, every=4) for each in (whole, net, resumed)]
        for each, average, point, how in (
            (whole, averages[0], 0, {}),
            (net, averages[1], stop_at, {"checkpoint": tmp_path / "c.npz"}),
            (resumed, averages[2], 0, {"resume": tmp_path / "c.npz"}),
        ):
            Slow.steps, Slow.stop_at = 0, point
            history = train(each, digits, average, Slow(each.parameters(), 0.02, momentum=0.9), **how)
            assert history.interrupted == (point > 0)
        if stop_at == 6:
            assert read_facts(tmp_path / "c.npz")[1]["progress"]["batch"] == 6
        assert np.array_equal(averages[2].network.vector.values, averages[0].network.vector.values)


def test_a_checkpoint_with_an_average_and_one_without_are_not_mixed_up(digits, tmp_path):
    with_it, without = tmp_path / "with.npz", tmp_path / "without.npz"
    net = plain()
    train(net, digits, AveragedNetwork(net), epochs=1, checkpoint=with_it)
    train(plain(), digits, epochs=1, checkpoint=without)
    net = plain(9)
    before = net.vector.values.copy()
    for average, path, words in (
        (None, with_it, "holds an average of the weights, and there is no average to go on with it"),
        (AveragedNetwork(net), without, "holds no average of the weights, which average would go on from"),
        (AveragedNetwork(net, 0.9), with_it, r"with average AveragedNetwork\(decay=0.999, every=32\), this run has"),
    ):
        with pytest.raises(CheckpointError, match=words):
            train(net, digits, average, resume=path)
        assert np.array_equal(net.vector.values, before)
        assert average is None or np.array_equal(average.network.vector.values, before)
    assert np.array_equal(plain(9).load(with_it).vector.values, net.load(with_it).vector.values)


def test_a_damaged_average_is_refused_and_nothing_is_changed(digits, tmp_path):
    net = plain()
    train(net, digits, AveragedNetwork(net), epochs=1, checkpoint=tmp_path / "c.npz")
    arrays, facts = read_facts(tmp_path / "c.npz")
    arrays["average/out.bias"] = np.full(10, np.nan, "float32")
    save_npz(tmp_path / "d.npz", arrays, facts)
    other = plain(9)
    average, before = AveragedNetwork(other), other.vector.values.copy()
    with pytest.raises(CheckpointError, match=r"10 of the 10 numbers of out\.bias are not finite"):
        train(other, digits, average, resume=tmp_path / "d.npz")
    assert np.array_equal(other.vector.values, before) and np.array_equal(average.network.vector.values, before)


def test_an_average_of_another_architecture_in_the_file_is_refused(digits, tmp_path):
    net = plain()
    train(net, digits, AveragedNetwork(net), epochs=1, checkpoint=tmp_path / "c.npz")
    with pytest.raises(CheckpointError, match="another architecture"):
        optimizer = mc.optim.SGD(net.parameters(), 0.1)
        load_checkpoint(tmp_path / "c.npz", net, optimizer, average=AveragedNetwork(network()))


@pytest.mark.parametrize(("how", "error", "words"), [
    ({"decay": 1.0}, ValueError, "decay must be at least 0 and below 1, got 1.0"),
    ({"decay": -0.1}, ValueError, "decay must be at least 0 and below 1, got -0.1"),
    ({"decay": float("nan")}, ValueError, "decay must be at least 0 and below 1, got nan"),
    ({"every": 0}, ValueError, "every must be at least 1, got 0"),
    ({"every": 2.5}, TypeError, "every must be an integer, got 2.5"),
])  # fmt: skip
def test_settings_that_make_no_sense(how, error, words):
    with pytest.raises(error, match=words):
        AveragedNetwork(plain(), **how)


def test_what_is_no_average_of_this_network_is_refused(digits):
    with pytest.raises(TypeError, match=r"network must be a minicnn\.Sequential, got Linear"):
        AveragedNetwork(mc.Linear(3, 2, rng=0))
    with pytest.raises(TypeError, match=r"average must be a minicnn\.training\.AveragedNetwork, got float"):
        train(plain(), digits, 0.999)
    with pytest.raises(ValueError, match=r"average must be of the network that is trained: conv.weight is float32 "
                       r"\(2, 1, 5, 5\) in the average, None in the network"):  # fmt: skip
        train(network(), digits, AveragedNetwork(plain()))
    with pytest.raises(ValueError, match=r"is float64 .* in the average, float32"):
        train(network(), digits, AveragedNetwork(network(dtype="float64")))
