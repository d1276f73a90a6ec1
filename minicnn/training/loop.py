"""The training loop."""

import contextlib
import math

import numpy as np
from tqdm import tqdm

from minicnn.data import batch_indices
from minicnn.errors import DivergedError
from minicnn.layers.checks import positive
from minicnn.training.checkpoint import generator, load_checkpoint, random_state, save_checkpoint
from minicnn.training.evaluate import evaluate
from minicnn.training.history import History
from minicnn.training.preparation import Preparation
from minicnn.training.progress import CtrlC, Progress
from minicnn.training.protocol import check_loss, check_optimizer
from minicnn.training.stepping import training_steps


def fit(network, loss, optimizer, train, test=None, *, epochs, batch_size=64, schedule=None, seed=0, threads=None,
        augment=None, checkpoint=None, history=None, resume=None, config=None, progress=True,
        on_epoch=None):  # fmt: skip
    """Train ``network`` by stochastic gradient descent -> History, one record an epoch.

    train, test: Datasets; test, if given, is evaluated after each epoch and never chooses anything.
    The network is in training mode while it is trained, and in evaluation mode while it is tested.
    schedule: ``schedule(epoch) -> lr`` with a fractional epoch, or None for the optimizer's own lr.
    seed: of the shuffles; equal seeds and settings give bit-equal weights.
    threads: how many share each batch on the CPU, by default all cores; the weights do not depend on it.
    augment: ``augment(images, rng, backend) -> images``, what to train on instead, drawn anew before each epoch.
    checkpoint: a file rewritten after each epoch; history: a file of one JSON line an epoch;
    resume: a checkpoint to go on from, with a result bit-equal to training without a break.
    config: a JSON-able mapping kept in the checkpoint. on_epoch: called with each record.

    loss, optimizer: minicnn's, or of your own with what ``minicnn.training.protocol`` lists.

    A record holds epoch, lr, train_loss, train_error (running, while the weights change), test_loss,
    test_error, seconds (training alone), images_per_second. Losses are means a sample, errors shares. An optimizer
    that needs curvature (StochasticDiagonalLM) has it estimated before each epoch, and adds step_min and
    step_max, the range of its step sizes; augment adds augment_seconds.

    Ctrl-C ends after the current batch, with a checkpoint, and sets ``history.interrupted``. A loss or
    weight that is not finite raises DivergedError and leaves the last checkpoint as it was.
    """
    epochs = positive("epochs", epochs)
    if not len(train.labels):
        raise ValueError("train is empty: there is nothing to learn from")
    task = {"samples": len(train.labels), "batch_size": positive("batch_size", batch_size)}
    check_optimizer(optimizer, network, saved=checkpoint is not None or resume is not None)
    check_loss(loss, network, train)
    prepare = Preparation(network, loss, optimizer, train, augment)
    run = Progress(rng=np.random.default_rng(seed))
    if resume is not None:
        run = Progress.from_dict(load_checkpoint(resume, network, optimizer, task)[0])
    log = History(history, run.records)
    kept = resume

    def save():
        nonlocal kept
        if checkpoint is not None:
            save_checkpoint(checkpoint, network, optimizer, run.to_dict(log.records), task, config or {})
            kept = checkpoint

    def check(finite, what):
        if not finite:
            text = f"{what} in epoch {run.epoch + 1}, batch {run.batch}, at lr {optimizer.lr:g}: try a smaller lr"
            raise DivergedError(text if kept is None else f"{text}; {kept} still holds the last good state")

    rate = schedule or (lambda epoch: optimizer.lr)
    network.train()
    with training_steps(network, loss, optimizer, train, batch_size, threads) as steps, CtrlC() as stop:
        while run.epoch < epochs and not stop.requested:
            network.train()  # whatever on_epoch has done
            epoch_start = random_state(run.rng)
            seconds = prepare(steps, run)
            batches = list(batch_indices(len(train.labels), batch_size, run.rng))
            left = batches[run.batch :]  # all of them, or those from where ``resume`` goes on
            rates = (rate(run.epoch + batch / len(batches)) for batch in range(run.batch, len(batches)))
            with _bar(run, epochs, len(train.labels), progress) as bar, run.timed():
                for indices, lr, batch_loss, batch_errors in steps.epoch(left, rates, lambda: stop.requested):
                    optimizer.lr = lr
                    run.add(batch_loss, batch_errors, len(indices))
                    check(math.isfinite(batch_loss), f"the loss is {batch_loss}")
                    bar.update(len(indices))
                    if run.batch % 10 == 0 or run.batch == len(batches):
                        bar.set_postfix_str(f"loss {run.mean_loss:.4f}, error {run.error_rate:.2%}", refresh=False)
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
            run.next_epoch()
            log.append(record)
            save()
            if progress:
                print(epoch_line(record, epochs), flush=True)
            if on_epoch is not None:
                on_epoch(record)
    log.interrupted = run.epoch < epochs
    return log


def epoch_line(record, epochs):
    """A record as a line for people."""
    text = f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}  train loss {record['train_loss']:.4f}"
    if "test_error" in record:
        text += f"  test loss {record['test_loss']:.4f}  test error {record['test_error']:.2%}"
    if "step_max" in record:
        text += f"  steps {record['step_min']:.1e} to {record['step_max']:.1e}"
    return f"{text}  {record['seconds']:.1f} s"


def _bar(run, epochs, total, shown):
    """The progress bar of one epoch; without one, an object that takes the same calls."""
    bar = tqdm(desc=f"epoch {run.epoch + 1}/{epochs}", total=total, initial=run.count, unit=" images",
               unit_scale=True, mininterval=0.5, disable=not shown)  # fmt: skip
    return contextlib.closing(bar)
