"""Where a run writes, which signals end it, what an earlier run has left, and a world without a terminal."""

import io
import os
import signal
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import minicnn as mc
from minicnn.compiled import forms
from minicnn.errors import DivergedError
from minicnn.training import History, read_facts
from minicnn.training.progress import Progress

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
DIGITS = mc.data.load_sample()[0].subset(slice(96))


def network(seed=0):
    rng = np.random.default_rng(seed)
    return mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=rng)], preprocess=mc.data.UNIT)


def fit(net=None, train=DIGITS, *, lr=0.01, epochs=2, **how):
    net = net or network()
    how = {"batch_size": 32, "progress": False, "threads": 1, **how}
    return net, mc.training.fit(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), lr), train,
                                epochs=epochs, **how)  # fmt: skip


def after_steps(monkeypatch, count, act):
    """Do something after so many batches."""
    add, steps = Progress.add, []

    def counting(self, *numbers):
        add(self, *numbers)
        steps.append(numbers)
        if len(steps) == count:
            act()

    monkeypatch.setattr(Progress, "add", counting)


# --------------------------------------------------------------------------------------------------- signals


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_every_signal_to_end_is_a_clean_end(tmp_path, monkeypatch, name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    whole, _ = fit(epochs=2)
    with monkeypatch.context() as patch:
        after_steps(patch, 4, lambda: signal.raise_signal(number))
        _, stopped = fit(checkpoint=tmp_path / "c.npz", epochs=2)
    assert stopped.interrupted and stopped.signal == number and len(stopped) == 1
    assert signal.getsignal(number) is before
    resumed, history = fit(network(7), epochs=2, resume=tmp_path / "c.npz")
    assert np.array_equal(resumed.vector.values, whole.vector.values)
    assert not history.interrupted and history.signal is None


@POSIX
def test_a_second_sigterm_ends_at_once_with_the_status_of_a_shell(monkeypatch):
    def twice():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    after_steps(monkeypatch, 1, twice)
    with pytest.raises(SystemExit) as info:
        fit()
    assert info.value.code == 143 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@POSIX
@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_a_signal_that_is_ignored_or_handled_by_the_user_stays_so(monkeypatch, handler):
    old = signal.signal(signal.SIGHUP, handler)
    try:
        after_steps(monkeypatch, 1, lambda: signal.raise_signal(signal.SIGHUP))
        assert not fit()[1].interrupted and signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, old)


# ---------------------------------------------------------------------------------------------------- places


@pytest.mark.parametrize("argument", ["checkpoint", "history"])
def test_a_target_that_cannot_be_written_is_found_before_the_first_step(tmp_path, monkeypatch, argument):
    (tmp_path / "file").touch()
    after_steps(monkeypatch, 1, lambda: pytest.fail("a step was taken"))
    for path in (tmp_path, tmp_path / "file" / "c.npz"):
        with pytest.raises(OSError, match=str(tmp_path)):
            fit(**{argument: path})


@pytest.mark.parametrize("argument", ["checkpoint", "history", "resume"])
@pytest.mark.parametrize("path", [True, 1, 2.5])
def test_a_number_is_no_file(argument, path):
    """1 would be standard output, which was closed afterwards."""
    with pytest.raises(TypeError, match="must be a path, got"):
        fit(**{argument: path})
    os.fstat(1)


def test_a_killed_run_leaves_no_checkpoint_of_an_earlier_run_to_go_on_from(tmp_path, monkeypatch):
    path, log = tmp_path / "c.npz", tmp_path / "history.jsonl"
    fit(checkpoint=path, history=log)
    there = []
    with monkeypatch.context() as patch:
        after_steps(patch, 1, lambda: there.extend(sorted(p.name for p in tmp_path.iterdir())))
        fit(network(1), checkpoint=path, history=log, epochs=1)
    assert there == [".c.npz.earlier", ".history.jsonl.earlier"]  # had it been killed there, nothing could be mistaken
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.npz", "history.jsonl"]
    assert len(read_facts(path)[1]["progress"]["records"]) == len(History.load(log)) == 1


def test_an_error_before_the_first_checkpoint_brings_the_earlier_ones_back(tmp_path):
    path, log = tmp_path / "c.npz", tmp_path / "history.jsonl"
    fit(checkpoint=path, history=log)
    before = path.read_bytes(), log.read_bytes()
    with pytest.raises(DivergedError):
        fit(network(1), checkpoint=path, history=log, lr=float("inf"))
    assert (path.read_bytes(), log.read_bytes()) == before and len(list(tmp_path.iterdir())) == 2


def test_a_run_that_goes_on_from_its_own_checkpoint_keeps_it_all_the_time(tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    fit(checkpoint=path, epochs=1)
    after_steps(monkeypatch, 1, lambda: read_facts(path))
    fit(checkpoint=path, resume=path, epochs=2)
    assert read_facts(path)[1]["progress"]["epoch"] == 2


# ------------------------------------------------------------------------------------------ what is shown


class Closed(io.StringIO):
    def write(self, text):
        raise OSError(5, "Input/output error")  # as of a terminal that has been closed


@pytest.mark.parametrize("stream", [None, Closed()])
def test_a_closed_terminal_or_none_at_all_does_not_end_training(tmp_path, monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    _, history = fit(checkpoint=tmp_path / "c.npz", progress=True)
    assert len(history) == 2 and read_facts(tmp_path / "c.npz")[1]["progress"]["epoch"] == 2


# ------------------------------------------------------------------------------------------ what is given


@pytest.mark.parametrize("how", [{"train": [1, 2]}, {"train": None}, {"test": 3}, {"train": np.zeros((4, 28, 28))}])
def test_what_is_no_data_set_is_refused(how):
    with pytest.raises(TypeError, match=r"(train|test) must be a Dataset"):
        fit(**how)
    with pytest.raises(TypeError, match="dataset must be a Dataset"):
        mc.training.evaluate(network(), [1, 2])


@pytest.mark.parametrize("lr", [None, "0.1", (0.1,), np.full(1, 0.1)])
def test_a_schedule_that_returns_no_number_is_refused(lr):
    with pytest.raises(TypeError, match="schedule must return a learning rate, got"):
        fit(schedule=lambda epoch: lr)


@pytest.mark.parametrize("images", [None, 3, [1, 2]])
def test_distortions_that_return_no_images_are_refused(images):
    with pytest.raises(TypeError, match="images must be an array, got"):
        fit(augment=lambda *given: images)


@pytest.mark.parametrize("config", [3, "settings", {"a": object()}, {"a": {1, 2}}])
def test_settings_that_cannot_be_kept_are_found_before_the_first_step(tmp_path, monkeypatch, config):
    after_steps(monkeypatch, 1, lambda: pytest.fail("a step was taken"))
    with pytest.raises(TypeError, match="config must be"):
        fit(checkpoint=tmp_path / "c.npz", config=config)


def test_what_is_no_network_is_refused():
    layer = mc.Linear(784, 10, rng=0)
    with pytest.raises(TypeError, match=r"network must be a minicnn\.Sequential, got Linear"):
        fit(layer)


# ------------------------------------------------------------------------------------------- two at once


@pytest.mark.parametrize("loops", [True, False])
def test_two_runs_in_threads_get_what_each_gets_alone_and_leave_blas_as_it_was(monkeypatch, loops):
    if not loops:
        monkeypatch.setattr(forms, "numba_obstacle", lambda: "a test")
        forms._maker.cache_clear()
    threads = [(info["filepath"], info["num_threads"]) for info in threadpool_info()]
    alone = [fit(network(seed), epochs=1 + 4 * seed)[0].vector.values for seed in range(2)]
    nets = [network(seed) for seed in range(2)]
    workers = [threading.Thread(target=fit, args=(net,), kwargs={"epochs": 1 + 4 * i}) for i, net in enumerate(nets)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    forms._maker.cache_clear()
    assert all(np.array_equal(net.vector.values, values) for net, values in zip(nets, alone))
    assert [(info["filepath"], info["num_threads"]) for info in threadpool_info()] == threads


def test_blas_keeps_one_thread_until_the_last_run_ends():
    from minicnn.compiled.blas import one_thread

    def count():
        return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

    before, first, second = count(), one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # the first to begin is the first to end
    assert count() <= {1}
    second.__exit__(None, None, None)
    assert count() == before


def test_without_a_bar_nothing_of_tqdm_is_touched(monkeypatch):
    """Its lock is shared by forked processes: one of them killed while it holds it stops all the others for ever."""
    monkeypatch.setattr("minicnn.training.progress.tqdm", lambda **how: pytest.fail("a bar was made"))
    fit(progress=False)
