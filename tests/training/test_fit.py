"""The loop: it learns, repeats itself bit by bit, stops and goes on."""

import json
import os
import signal
import threading

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import CheckpointError, DivergedError
from minicnn.training import History, evaluate, fit
from minicnn.training.progress import Progress


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(200)), test.subset(slice(100))


def small_net(seed=0, backend="numpy"):
    rng = np.random.default_rng(seed)
    return mc.Sequential({
        "conv": mc.Conv2d(1, 2, 5, stride=2, rng=rng), "squash": mc.ScaledTanh(), "pool": mc.MaxPool2d(2),
        "flatten": mc.Flatten(), "out": mc.Linear(2 * 7 * 7, 10, rng=rng),
    }, preprocess=mc.data.LENET5_1998).to(backend)  # fmt: skip


def train(digits, *, seed=0, epochs=2, net=None, lr=0.05, **how):
    net = net or small_net(seed)
    optimizer = mc.optim.SGD(net.parameters(), lr, momentum=0.9)
    how = {"batch_size": 32, "seed": seed, "progress": False, **how}
    history = fit(net, mc.losses.CrossEntropyLoss(), optimizer, *digits, epochs=epochs, **how)
    return net, history


def test_five_steps_of_lenet5_lower_the_loss(digits):
    net = mc.models.lenet5(rng=0)
    loss = mc.losses.MAPLoss()
    batch = digits[0].subset(slice(100))
    before = evaluate(net, batch, loss).loss
    fit(net, loss, mc.optim.SGD(net.parameters(), 0.01), batch, epochs=5, batch_size=len(batch), progress=False)
    assert evaluate(net, batch, loss).loss < 0.99 * before


@pytest.mark.parametrize("loss", [mc.losses.RBFLoss(), mc.losses.MAPLoss(2.0)], ids=repr)
def test_both_criteria_of_the_paper_learn(loss):
    net = mc.models.lenet5(rng=0)
    history = fit(net, loss, mc.optim.SGD(net.parameters(), 0.001, momentum=0.9),
                  mc.data.load_sample()[0].subset(slice(1000)), epochs=3, batch_size=10, progress=False)  # fmt: skip
    assert history[-1]["train_error"] < 0.25 < 0.5 < history[0]["train_error"]


@pytest.mark.parametrize("labels, words", [
    (np.arange(27), r"train: labels must lie in 0\.\.9, got 26 in letters: the network tells 10 classes apart; "
                    r"make it with classes=train\.classes, or with their number, as in lenet5\(classes=27\)"),
    (np.arange(27) % 10 + 1, "got 10 in letters: .*; labels that begin at 1 must be made to begin at 0: labels - 1"),
])  # fmt: skip
def test_labels_that_the_network_has_no_class_for_are_met_before_training(labels, words):
    net = mc.models.lenet5(rng=0)
    before = net.vector.values.copy()
    images = np.zeros((27, 28, 28), np.uint8)
    with pytest.raises(ValueError, match=words):
        fit(net, mc.losses.MAPLoss(10), mc.optim.SGD(net.parameters(), 0.01),
            mc.data.Dataset(images, labels, name="letters"), epochs=1, progress=False)  # fmt: skip
    assert np.array_equal(net.vector.values, before)


def test_a_network_of_as_many_classes_learns_them():
    images = np.zeros((26, 28, 28), np.uint8)
    patterns = np.random.default_rng(0).integers(0, 2, (26, 6, 6))
    images[:, 2:26, 2:26] = 255 * patterns.repeat(4, axis=1).repeat(4, axis=2)
    letters = mc.data.Dataset(images.repeat(4, axis=0), np.arange(26).repeat(4), classes="ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    net = mc.models.lenet5(letters.classes, init=mc.initialisers.uniform_fan_in, rng=0)
    optimizer = mc.optim.SGD(net.parameters(), 0.0015, momentum=0.9)
    history = fit(net, mc.losses.MAPLoss(10), optimizer, letters, epochs=10, batch_size=13, progress=False)
    assert history[-1]["train_error"] < 0.1 < 0.5 < history[0]["train_error"]
    assert evaluate(net, letters).confusion.shape == (26, 26)


def test_equal_seeds_give_bit_equal_weights(digits):
    first, again, other = (train(digits, seed=seed)[0].vector.values for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("batch_size", [1, 32, 200])
@pytest.mark.parametrize("threads", [2, 3, None, 1_000_000])
def test_any_number_of_threads_gives_the_bits_of_one(digits, threads, batch_size):
    how = {"epochs": 1 if batch_size == 1 else 2, "batch_size": batch_size}
    one, alone = train(digits, threads=1, **how)
    before = threading.active_count()
    many, together = train(digits, threads=threads, **how)
    assert np.array_equal(many.vector.values, one.vector.values)
    assert [r["train_loss"] for r in together] == [r["train_loss"] for r in alone]
    assert threading.active_count() == before


def test_a_record_holds_what_the_docstring_says(digits, tmp_path):
    path = tmp_path / "history.jsonl"
    _, history = train(digits, history=path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == history.records and len(lines) == 2
    assert [line["epoch"] for line in lines] == [1, 2]
    for name in ("lr", "train_loss", "train_error", "test_loss", "test_error", "seconds", "images_per_second"):
        assert np.isfinite(lines[0][name]), name
    assert History.load(path).records == history.records


def test_the_schedule_sets_the_rate_within_the_epoch(digits):
    seen = []

    def schedule(epoch):
        seen.append(epoch)
        return 0.01

    train(digits, epochs=2, schedule=schedule, batch_size=50)
    assert seen == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]


@pytest.mark.parametrize("threads", [1, 2])
def test_resuming_is_bit_equal_to_never_stopping(digits, tmp_path, threads):
    path = tmp_path / "c.npz"
    whole, history = train(digits, epochs=3, threads=threads)
    train(digits, epochs=1, threads=threads, checkpoint=path)
    resumed, continued = train(digits, net=small_net(7), epochs=3, threads=3 - threads, resume=path)
    assert np.array_equal(whole.vector.values, resumed.vector.values)
    assert [r["train_loss"] for r in continued] == [r["train_loss"] for r in history]
    assert [r["test_error"] for r in continued] == [r["test_error"] for r in history]


class Untouched(mc.Flatten):
    """A layer of a user's own, which the compiler does not know."""


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("step", [7, 8])
def test_ctrl_c_leaves_a_checkpoint_from_which_the_run_goes_on_bit_equal(digits, tmp_path, monkeypatch, step, known):
    """After the last step of the first epoch, and after the first one of the second."""

    def net(seed):
        layers = {layer.name: layer for layer in small_net(seed)}
        return mc.Sequential(layers if known else {**layers, "flatten": Untouched()}, preprocess=mc.data.LENET5_1998)

    path, add, steps = tmp_path / "c.npz", Progress.add, []
    whole, history = train(digits, net=net(0), epochs=2)

    def interrupting(self, *numbers):
        add(self, *numbers)
        steps.append(numbers)
        if len(steps) == step:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "add", interrupting)
        _, stopped = train(digits, net=net(0), epochs=2, checkpoint=path)
    assert stopped.interrupted and len(stopped) == 1
    assert mc.training.read_facts(path)[1]["progress"]["batch"] == step - 7
    resumed, continued = train(digits, net=net(7), epochs=2, resume=path)
    assert np.array_equal(whole.vector.values, resumed.vector.values)
    assert [r["train_loss"] for r in continued] == [r["train_loss"] for r in history]
    assert not continued.interrupted


def test_a_second_ctrl_c_ends_at_once(digits):
    def interrupt_twice(epoch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return 0.05

    with pytest.raises(KeyboardInterrupt):
        train(digits, schedule=interrupt_twice)


def test_ctrl_c_works_as_before_after_training(digits):
    before = signal.getsignal(signal.SIGINT)
    train(digits, epochs=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(digits, tmp_path):
    path = tmp_path / "c.npz"
    steps = []

    def explode_in_the_second_epoch(epoch):
        steps.append(epoch)
        return 0.01 if len(steps) < 9 else 1e30

    with np.errstate(all="ignore"), pytest.raises(DivergedError, match=r"epoch 2, batch \d+.*c\.npz still holds"):
        train(digits, epochs=3, checkpoint=path, schedule=explode_in_the_second_epoch)
    net = small_net().load(path)
    assert np.isfinite(net.vector.values).all()
    assert mc.training.read_facts(path)[1]["progress"]["epoch"] == 1


def test_training_leaves_the_network_as_a_layer_called_by_hand(digits):
    net, _ = train(digits, epochs=1)
    x, z = (net.input(digits[0].images[i : i + 5]) for i in (0, 5))
    a = net.forward(x)
    kept = a.copy()
    net.forward(z)
    assert np.array_equal(a, kept)
    assert net.backward(np.ones_like(a)).shape == x.shape


def test_training_changes_no_image(digits):
    images = digits[0].images.copy()
    train(digits, epochs=1)
    assert np.array_equal(images, digits[0].images)


@pytest.mark.parametrize(
    "how, error, words",
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an integer"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"threads": 1.5}, TypeError, "threads must be an integer"),
    ],
)
def test_settings_that_make_no_sense(digits, how, error, words):
    with pytest.raises(error, match=words):
        train(digits, **how)


def test_resuming_with_other_data_or_batches_is_refused(digits, tmp_path):
    path = tmp_path / "c.npz"
    train(digits, epochs=1, checkpoint=path)
    with pytest.raises(CheckpointError, match="batch_size 32, this run has 16"):
        train(digits, resume=path, batch_size=16)
    with pytest.raises(CheckpointError, match="samples 200"):
        train((digits[1], digits[1]), resume=path)


def test_evaluate_counts_errors(digits):
    net = small_net()
    result = evaluate(net, digits[1], mc.losses.CrossEntropyLoss(), batch_size=7)
    predictions = net.predict(digits[1].images)
    wrong = np.count_nonzero(predictions != digits[1].labels)
    assert np.array_equal(result.predictions, predictions)
    assert (result.errors, result.count, result.error_rate) == (wrong, 100, wrong / 100)
    assert result.confusion.sum() == 100 and result.confusion.shape == (10, 10)
    assert (result.confusion.sum(axis=1) == np.bincount(digits[1].labels, minlength=10)).all()
    whole = evaluate(net, digits[1], mc.losses.CrossEntropyLoss(reduction="sum"), batch_size=100)
    assert whole.loss == pytest.approx(result.loss, rel=1e-5)
