"""The training loop."""

import contextlib
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
from minicnn.ranks import Communicator
from minicnn.training.agreement import agree, check_batch_size, check_same, copy_of, facts_of, share_state
from minicnn.training.averaging import AveragedNetwork, check_average
from minicnn.training.checkpoint import load_checkpoint, save_checkpoint
from minicnn.training.evaluate import Evaluator
from minicnn.training.fingerprint import task_of
from minicnn.training.history import History, Record
from minicnn.training.places import Places
from minicnn.training.preparation import Preparation
from minicnn.training.progress import Bar, Progress, Stop, tell
from minicnn.training.protocol import check_arguments, warn_of_loss
from minicnn.training.schema import generator, random_state
from minicnn.training.stepping import training_steps
from minicnn.typing import Array, FilePath, Seed


def fit(network: Sequential, loss: Any, optimizer: Any, train: Dataset, test: Dataset | None = None, *, epochs: int,
        batch_size: int = 64, schedule: Callable[[float], float] | None = None, seed: Seed = 0,
        threads: int | None = None, augment: Callable[..., Array] | None = None,
        average: AveragedNetwork | None = None,
        checkpoint: FilePath | None = None, history: FilePath | None = None, resume: FilePath | None = None,
        config: Mapping[str, Any] | None = None, progress: bool = True,
        on_epoch: Callable[[Record], object] | None = None,
        communicator: Communicator | None = None) -> History:  # fmt: skip
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
    communicator: of the ranks that train together (``minicnn.ranks.world()``), each of which calls ``fit`` with the
    same arguments. They share every batch and end with the same weights; rank 0's initial ones count, it alone reads
    ``resume``, writes files and shows progress. An error of one rank is one of all.

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
    communicator = communicator or Communicator()
    resumes, saved = resume is not None, checkpoint is not None or resume is not None
    if communicator.rank:
        checkpoint = history = resume = None
        progress = False
    with communicator.together():
        epochs, batch_size = positive("epochs", epochs), positive("batch_size", batch_size)
        check_arguments(network, loss, optimizer, train, test, config, saved)
        check_average(average, network)
        if communicator.rank == 0:
            warn_of_loss(loss, network)
        prepare = Preparation(network, loss, optimizer, train, augment, threads, communicator)
        run = Progress(rng=np.random.default_rng(seed))
        places = Places(resume, checkpoint, history)
        several = communicator.size > 1
        if several:
            check_batch_size(batch_size, train, communicator)
        task = task_of(network, loss, train, batch_size, augment, average) if saved or several else None
    if several:
        settings = {"epochs": epochs, "resumes": resumes, "schedule": schedule, "random state": random_state(run.rng)}
        agree(communicator, facts_of(network, optimizer, task, test, settings))
        for shared in (network, *([average.network] if average else [])):
            share_state(communicator, shared)
    if resumes:
        with copy_of(communicator, resume) as path, communicator.together():
            loaded = load_checkpoint(path, network, optimizer, task, complete=True, average=average)
            run = Progress.from_dict(loaded[0])
    log = History(history, run.records)
    tested = None if test is None else Evaluator(test, loss, communicator=communicator)
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
            error = DivergedError(text if kept is None else f"{text}; {kept} still holds the last good state")
            raise communicator.everyones(error)  # who all see the same sums

    def rate(epoch):
        lr = optimizer.lr if schedule is None else schedule(epoch)
        if not isinstance(lr, numbers.Real):
            raise TypeError(f"schedule must return a learning rate, got {lr!r}")
        return lr

    network.train()
    with contextlib.ExitStack() as block:
        block.enter_context(communicator.last_resort())
        block.enter_context(places)
        with communicator.together():
            on = network, loss, optimizer, train, batch_size, threads, communicator
            steps, stop = block.enter_context(training_steps(*on)), block.enter_context(Stop(communicator))
        while run.epoch < epochs and not stop.asked():
            network.train()  # whatever on_epoch has done
            epoch_start = random_state(run.rng)
            seconds = prepare(steps, run)
            batches = list(batch_indices(len(train.labels), batch_size, run.rng))
            left = batches[run.batch :]  # all of them, or those from where ``resume`` goes on
            with communicator.together():
                rates = [rate(run.epoch + batch / len(batches)) for batch in range(run.batch, len(batches))]
            train_on = steps.epoch if average is None else partial(average.epoch, network, steps, run.batch)
            with Bar(run, epochs, len(train.labels), progress) as bar, run.timed():
                for indices, lr, batch_loss, batch_errors in train_on(left, rates, stop.asked):
                    optimizer.lr = lr
                    run.add(batch_loss, batch_errors, len(indices))
                    check(math.isfinite(batch_loss), f"the loss is {batch_loss}")
                    now_and_then = run.batch % 10 == 0 or run.batch == len(batches)
                    text = f"loss {run.mean_loss:.4f}, error {run.error_rate:.2%}" if now_and_then else None
                    bar.update(len(indices), text)
            with communicator.together():
                weights = network.backend.to_numpy(network.vector.values)
                check(np.isfinite(weights).all(), "the weights are not finite")
                check_same(communicator, network)
                if run.batch < len(batches):
                    run.rng = generator(epoch_start)  # going on repeats what this epoch has drawn
                    save()
                    break
                record = {**run.record(optimizer.lr), **seconds, **getattr(optimizer, "report", dict)()}
                if tested is not None:
                    result = tested(network)
                    check(math.isfinite(result.loss), f"the test loss is {result.loss}")
                    record.update(test_loss=result.loss, test_error=result.error_rate)
                    if average is not None:
                        result = tested(average.network)
                        record.update(average_test_loss=result.loss, average_test_error=result.error_rate)
                run.next_epoch()
                log.append(record)
                save()
                if progress:
                    tell(epoch_line(record, epochs))
                if on_epoch is not None:
                    on_epoch(record)
    log.interrupted = run.epoch < epochs
    log.signal = stop.signal
    return log


def epoch_line(record: Record, epochs: int) -> str:
    """A record as a line for people."""
    text = f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}  train loss {record['train_loss']:.4f}"
    if "test_error" in record:
        text += f"  test loss {record['test_loss']:.4f}  test error {record['test_error']:.2%}"
    if "average_test_error" in record:
        text += f" (average: {record['average_test_error']:.2%})"
    seconds = record["seconds"]
    text += f"  {seconds:.1f} s" if seconds >= 1 else f"  {1000 * seconds:.0f} ms"
    if "step_max" in record:
        text += f"  steps {record['step_min']:.1e} to {record['step_max']:.1e}"
    return text
