"""Where a run of training stands, what it shows of that, and which signals end it."""

import contextlib
import re
import signal
import sys
import threading
import time

from tqdm import tqdm

from minicnn.terminal import fitted, is_terminal
from minicnn.training.schema import generator, random_state


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


class Stop:
    """Within the block the first Ctrl-C, SIGTERM or SIGHUP only sets ``requested``, the signal's number; a second one
    ends at once. ``asked()`` is the number of a signal that any rank of the communicator has got so far, or None: the
    same on all of them, which all must ask.

    SIGTERM is what ``docker stop``, batch systems and ``kill`` send, SIGHUP what a closed terminal does. Those two are
    left to whoever has set a handler of their own, and ignored where they were (``nohup``). Only the main thread can be
    told of signals; elsewhere nothing is changed.
    """

    def __init__(self, communicator):
        self.communicator, self.requested, self.signal = communicator, None, None

    def asked(self):
        self.signal = int(self.communicator.every(self.requested or 0).max()) or None
        return self.signal

    def __enter__(self):
        self._old = {}
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
                number = getattr(signal, name, None)
                if number is not None and (name == "SIGINT" or signal.getsignal(number) is signal.SIG_DFL):
                    self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error):
        for number, handler in self._old.items():
            if handler is not None:  # None is C code's, which Python cannot set again
                signal.signal(number, handler)

    def _handle(self, number, frame):
        if self.requested is None:
            self.requested = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)  # as a shell says of a process that a signal has ended


UNBROKEN = "\xa0"
"""A space at which no line ends."""

BAR = "{desc}: {percentage:3.0f}%|{bar}| {remaining} {rate_fmt}{postfix}"
"""What a terminal of 80 columns has room for."""


class Bar:
    """The progress bar of one epoch on stderr, gone when the epoch is: none unless ``shown``, and on a terminal only.

    A closed terminal behind stderr ends the bar, never the training.
    """

    def __init__(self, run, epochs, total, shown):
        self.bar = None  # tqdm itself holds a lock that processes share: one killed in it would stop all others
        if shown and is_terminal(sys.stderr):
            self.bar = tqdm(desc=f"epoch {run.epoch + 1}/{epochs}", total=total, initial=run.count, unit=" images",
                            unit_scale=True, mininterval=0.5, bar_format=BAR, dynamic_ncols=True, leave=False,
                            file=_Lenient(sys.stderr))  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.refresh()  # however short the epoch was, what came of it is seen
            self.bar.close()

    def update(self, count, text=None):
        if self.bar is not None:
            self.bar.update(count)
            if text is not None:
                self.bar.set_postfix_str(text, refresh=False)


class _Lenient:
    """A stream that cannot fail: what it cannot write is not written."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self):
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name):
        return getattr(self._stream, name)


def tell(text):
    """A line on stdout, if there is one that takes it; broken at a gap of two spaces where a terminal is narrower."""
    if sys.stdout is not None:
        whole = re.sub("(?<! ) (?! )", UNBROKEN, text)
        _Lenient(sys.stdout).write(f"{fitted(whole, sys.stdout, indent='    ')}\n".replace(UNBROKEN, " "))
        _Lenient(sys.stdout).flush()
