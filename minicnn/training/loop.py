"""The training loop."""

import math
import numbers
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from minicnn.data import Dataset, batch_indices
from minicnn.errors import DivergedError
from minicnn.layers.checks import positive
from minicnn.network import Sequential
from minicnn.training.averaging import AveragedNetwork, check_average
from minicnn.training.checkpoint import load_checkpoint, save_checkpoint
from minicnn.training.evaluate import evaluate
from minicnn.training.fingerprint import task_of
from minicnn.training.history import History, Record
from minicnn.training.places import Places
from minicnn.training.preparation import Preparation
from minicnn.training.progress import Bar, Progress, Stop, tell
from minicnn.training.protocol import (
    check_config,
    check_dataset,
    check_labels,
    check_loss,
    check_network,
    check_optimizer,
    warn_of_loss,
)
from minicnn.training.schema import generator, random_state
from minicnn.training.stepping import training_steps
from minicnn.typing import Array, FilePath, Seed


def fit(network: Sequential, loss: Any, optimizer: Any, train: Dataset, test: Dataset | None = None, *, epochs: int,
        batch_size: int = 64, schedule: Callable[[float], float] | None = None, seed: Seed = 0,
        threads: int | None = None, augment: Callable[..., Array] | None = None,
        average: AveragedNetwork | None = None,
        checkpoint: FilePath | None = None, history: FilePath | None = None, resume: FilePath | None = None,
        config: Mapping[str, Any] | None = None, progress: bool = True,
        on_epoch: Callable[[Record], object] | None = None) -> History:  # fmt: skip
    """Train ``network`` by stochastic gradient descent -> History, one record an epoch.

    network: is in training mode while it is trained, and in evaluation mode while it is tested.
    loss, optimizer: minicnn's, or of your own with what ``minicnn.training.protocol`` lists. The optimizer is made of
    the network's parameters, after ``network.to(...)``.
    train, test: Datasets; test, if given, is evaluated after each epoch and never chooses anything.
    epochs: passes over train, those before ``resume`` among them; batch_size: samples a step, fewer in a pass's last.
    schedule: ``schedule(epoch) -> lr`` with a fractional epoch, or None for the optimizer's own lr.
    seed: of the shuffles; equal seeds and settings give bit-equal weights.
    threads: how many share each batch on the CPU, by default all cores; the weights do not depend on it.
    augment: ``augment(images, rng, backend) -> images``, what to train on instead, drawn anew before each epoch.
    average: an ``AveragedNetwork`` of the network, which is tested too: average_test_loss, average_test_error.
    checkpoint: a file rewritten after each epoch; history: a file of one JSON line an epoch.
    resume: a checkpoint to go on from, with a result bit-equal to training without a break.
    config: a JSON-able mapping kept in the checkpoint.
    progress: whether to show a bar and, after each epoch, a line.
    on_epoch: called with each record, once it is in the files.

    A record holds epoch, lr, train_loss, train_error (running, while the weights change), test_loss,
    test_error, seconds (training alone), images_per_second. Losses are means a sample, errors shares. An optimizer
    that needs curvature (StochasticDiagonalLM) has it estimated before each epoch, and adds step_min and
    step_max, the range of its step sizes; augment adds augment_seconds.

    >>> train, test = mc.data.load_sample()
    >>> net = mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0)], preprocess=mc.data.UNIT)
    >>> loss, optimizer = mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), lr=0.1)
    >>> def say(record):
    ...     print("epoch", record["epoch"], "at", record["lr"])
    >>> log = mc.training.fit(net, loss, optimizer, train, test, epochs=2, progress=False, on_epoch=say)
    epoch 1 at 0.1
    epoch 2 at 0.1
    >>> log[1]["test_error"] < 0.2
    True

    Ctrl-C, SIGTERM and SIGHUP end after the current batch, with a checkpoint, and set ``history.interrupted`` and
    ``history.signal``. A loss or weight that is not finite raises DivergedError and leaves the last checkpoint as it
    was. Files of an earlier run in the same places are set aside (.NAME.earlier) until the new ones are there. What
    cannot be written is an OSError before training begins; a checkpoint that is damaged, or of other data, batches or
    criteria, a CheckpointError before anything is changed. An argument that makes no sense is a TypeError or ValueError
    that names it, also before anything is changed.
    """
    epochs, batch_size = positive("epochs", epochs), positive("batch_size", batch_size)
    check_network(network)
    check_config(config)
    for name, dataset in (("train", train), ("test", test)):
        if dataset is not None or name == "train":
            check_dataset(name, dataset)
            check_labels(name, dataset, network)
    check_optimizer(optimizer, network, saved=checkpoint is not None or resume is not None)
    check_loss(loss, network, train)
    check_average(average, network)
    warn_of_loss(loss, network)
    prepare = Preparation(network, loss, optimizer, train, augment)
    run = Progress(rng=np.random.default_rng(seed))
    places = Places(resume, checkpoint, history)
    task = None
    if checkpoint is not None or resume is not None:
        task = task_of(network, loss, train, batch_size, augment, average)
    if resume is not None:
        run = Progress.from_dict(load_checkpoint(resume, network, optimizer, task, complete=True, average=average)[0])
    log = History(history, run.records)
    kept = resume

    def save():
        nonlocal kept
        if checkpoint is not None:
            save_checkpoint(checkpoint, network, optimizer, run.to_dict(log.records), task, config or {}, average)
            kept = checkpoint
        places.replaced()

    def check(finite, what):
        if not finite:
            text = f"{what} in epoch {run.epoch + 1}, batch {run.batch}, at lr {optimizer.lr:g}: try a smaller lr"
            raise DivergedError(text if kept is None else f"{text}; {kept} still holds the last good state")

    def rate(epoch):
        lr = optimizer.lr if schedule is None else schedule(epoch)
        if not isinstance(lr, numbers.Real):
            raise TypeError(f"schedule must return a learning rate, got {lr!r}")
        return lr

    network.train()
    with places, training_steps(network, loss, optimizer, train, batch_size, threads) as steps, Stop() as stop:
        while run.epoch < epochs and not stop.requested:
            network.train()  # whatever on_epoch has done
            epoch_start = random_state(run.rng)
            seconds = prepare(steps, run)
            batches = list(batch_indices(len(train.labels), batch_size, run.rng))
            left = batches[run.batch :]  # all of them, or those from where ``resume`` goes on
            rates = (rate(run.epoch + batch / len(batches)) for batch in range(run.batch, len(batches)))
            train_on = steps.epoch if average is None else partial(average.epoch, network, steps, run.batch)
            with Bar(run, epochs, len(train.labels), progress) as bar, run.timed():
                for indices, lr, batch_loss, batch_errors in train_on(left, rates, lambda: stop.requested):
                    optimizer.lr = lr
                    run.add(batch_loss, batch_errors, len(indices))
                    check(math.isfinite(batch_loss), f"the loss is {batch_loss}")
                    now_and_then = run.batch % 10 == 0 or run.batch == len(batches)
                    text = f"loss {run.mean_loss:.4f}, error {run.error_rate:.2%}" if now_and_then else None
                    bar.update(len(indices), text)
            weights = network.backend.to_numpy(network.vector.values)
            check(np.isfinite(weights).all(), "the weights are not finite")
            if run.batch < len(batches):
                run.rng = generator(epoch_start)  # going on repeats what this epoch has drawn
                save()
                break
            record = {**run.record(optimizer.lr), **seconds, **getattr(optimizer, "report", dict)()}
            if test is not None:
                result = evaluate(network, test, loss)
                check(math.isfinite(result.loss), f"the test loss is {result.loss}")
                record.update(test_loss=result.loss, test_error=result.error_rate)
                if average is not None:
                    result = evaluate(average.network, test, loss)
                    record.update(average_test_loss=result.loss, average_test_error=result.error_rate)
            run.next_epoch()
            log.append(record)
            save()
            if progress:
                tell(epoch_line(record, epochs))
            if on_epoch is not None:
                on_epoch(record)
    log.interrupted = run.epoch < epochs
    log.signal = stop.requested
    return log


def epoch_line(record: Record, epochs: int) -> str:
    """A record as a line for people."""
    text = f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}  train loss {record['train_loss']:.4f}"
    if "test_error" in record:
        text += f"  test loss {record['test_loss']:.4f}  test error {record['test_error']:.2%}"
    if "average_test_error" in record:
        text += f" (average: {record['average_test_error']:.2%})"
    text += f"  {record['seconds']:.1f} s"
    if "step_max" in record:
        text += f"  steps {record['step_min']:.1e} to {record['step_max']:.1e}"
    return text
