"""Where a run of training stands, and how Ctrl-C ends it."""

import contextlib
import signal
import threading
import time

from minicnn.training.checkpoint import generator, random_state


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

    @contextlib.contextmanager
    def timed(self):
        """Count the seconds that the block takes."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started

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


class CtrlC:
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
