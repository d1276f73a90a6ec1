"""The training loop."""

import contextlib
import math
import signal
import threading
import time

import numpy as np
from tqdm import tqdm

from minicnn.data import batch_indices
from minicnn.errors import DivergedError
from minicnn.layers.base import positive
from minicnn.training.checkpoint import generator, load_checkpoint, random_state, save_checkpoint
from minicnn.training.evaluate import evaluate
from minicnn.training.history import History
from minicnn.training.step import GradientStep
from minicnn.training.workers import WorkerPool


def fit(network, loss, optimizer, train, test=None, *, epochs, batch_size=64, schedule=None, seed=0, workers=1,
        checkpoint=None, history=None, resume=None, config=None, progress=True, on_epoch=None):  # fmt: skip
    """Train ``network`` by stochastic gradient descent -> History, one record an epoch.

    train, test: Datasets; test, if given, is evaluated after each epoch and never chooses anything.
    schedule: ``schedule(epoch) -> lr`` with a fractional epoch, or None for the optimizer's own lr.
    seed: of the shuffles; equal seeds, settings and worker counts give bit-equal weights.
    workers: processes that share each batch (NumPy backend only).
    checkpoint: a file rewritten after each epoch; history: a file of one JSON line an epoch;
    resume: a checkpoint to go on from, with a result bit-equal to training without a break.
    config: a JSON-able mapping kept in the checkpoint. on_epoch: called with each record.

    A record holds epoch, lr, train_loss, train_error (running, while the weights change), test_loss,
    test_error, seconds (training alone), images_per_second. Losses are means a sample, errors shares.

    Ctrl-C ends after the current batch, with a checkpoint, and sets ``history.interrupted``. A loss that is
    not finite raises DivergedError and leaves the last checkpoint as it was.
    """
    epochs, workers = positive("epochs", epochs), positive("workers", workers)
    if workers > 1 and network.backend.name != "numpy":
        raise ValueError(f"workers must be 1 on the {network.backend.name} backend, got {workers}")
    if not len(train.labels):
        raise ValueError("train is empty: there is nothing to learn from")
    task = {"samples": len(train.labels), "batch_size": positive("batch_size", batch_size)}
    run = Progress(rng=np.random.default_rng(seed))
    if resume is not None:
        run = Progress.from_dict(load_checkpoint(resume, network, optimizer, task)[0])
    log = History(history, run.records)

    def save():
        if checkpoint is not None:
            save_checkpoint(checkpoint, network, optimizer, run.to_dict(log.records), task, config or {})

    gradient = GradientStep(network, loss, train) if workers == 1 else WorkerPool(network, loss, train, workers)
    with gradient as gradient_of, _CtrlC() as stop:
        while run.epoch < epochs:
            run.shuffle_state = random_state(run.rng)
            batches = list(batch_indices(len(train.labels), batch_size, run.rng))
            started = time.perf_counter() - run.seconds
            with _bar(run, epochs, len(train.labels), progress) as bar:
                for batch, indices in enumerate(batches):
                    if batch < run.batch:
                        continue  # done before the break that ``resume`` goes on from
                    if schedule is not None:
                        optimizer.lr = schedule(run.epoch + batch / len(batches))
                    batch_loss, batch_errors = gradient_of(indices)
                    if not math.isfinite(batch_loss):
                        raise DivergedError(_diverged(run.epoch, batch, batch_loss, optimizer.lr, checkpoint))
                    optimizer.step()
                    run.add(batch_loss, batch_errors, len(indices))
                    bar.update(len(indices))
                    if batch % 10 == 0 or batch == len(batches) - 1:
                        bar.set_postfix_str(f"loss {run.mean_loss:.4f}, error {run.error_rate:.2%}", refresh=False)
                    if stop.requested:
                        break
            run.seconds = time.perf_counter() - started
            if stop.requested and run.batch < len(batches):
                run.rng = generator(run.shuffle_state)  # resuming repeats this epoch's shuffle
                save()
                log.interrupted = True
                return log
            record = run.record(optimizer.lr)
            if test is not None:
                result = evaluate(network, test, loss)
                record.update(test_loss=result.loss, test_error=result.error_rate)
            run.next_epoch()
            log.append(record)
            save()
            if progress:
                print(epoch_line(record, epochs), flush=True)
            if on_epoch is not None:
                on_epoch(record)
            if stop.requested and run.epoch < epochs:
                log.interrupted = True
                return log
    return log


def epoch_line(record, epochs):
    """A record as a line for people."""
    text = f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}  train loss {record['train_loss']:.4f}"
    if "test_error" in record:
        text += f"  test loss {record['test_loss']:.4f}  test error {record['test_error']:.2%}"
    return f"{text}  {record['seconds']:.1f} s"


class Progress:
    """Where training stands: epochs and batches done, sums over the current epoch, the shuffles' generator."""

    def __init__(self, rng, epoch=0, batch=0, loss=0.0, errors=0, count=0, seconds=0.0, records=()):
        self.rng, self.epoch, self.batch = rng, epoch, batch
        self.loss, self.errors, self.count, self.seconds = loss, errors, count, seconds
        self.records = list(records)

    def add(self, loss, errors, count):
        self.batch += 1
        self.loss += loss
        self.errors += errors
        self.count += count

    @property
    def mean_loss(self):
        return self.loss / self.count

    @property
    def error_rate(self):
        return self.errors / self.count

    def record(self, lr):
        return {
            "epoch": self.epoch + 1, "lr": lr, "train_loss": self.mean_loss, "train_error": self.error_rate,
            "seconds": round(self.seconds, 3), "images_per_second": round(self.count / self.seconds),
        }  # fmt: skip

    def next_epoch(self):
        self.epoch, self.batch, self.loss, self.errors, self.count, self.seconds = self.epoch + 1, 0, 0.0, 0, 0, 0.0

    def to_dict(self, records):
        numbers = {k: getattr(self, k) for k in ("epoch", "batch", "loss", "errors", "count", "seconds")}
        return {**numbers, "rng": random_state(self.rng), "records": records}

    @classmethod
    def from_dict(cls, values):
        return cls(**{**values, "rng": generator(values["rng"])})


class _CtrlC:
    """Within the block the first Ctrl-C only sets ``requested``; the second one interrupts at once."""

    requested = False

    def __enter__(self):
        self._old = None
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error):
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)

    def _handle(self, number, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def _bar(run, epochs, total, shown):
    """The progress bar of one epoch; without one, an object that takes the same calls."""
    bar = tqdm(desc=f"epoch {run.epoch + 1}/{epochs}", total=total, initial=run.count, unit=" images",
               unit_scale=True, mininterval=0.5, disable=not shown)  # fmt: skip
    return contextlib.closing(bar)


def _diverged(epoch, batch, loss, lr, checkpoint):
    text = f"the loss is {loss} in epoch {epoch + 1}, batch {batch + 1}, at lr {lr:g}: try a smaller lr"
    return text if checkpoint is None else f"{text}; {checkpoint} still holds the end of the last whole epoch"
