"""Threads that share a batch. Compiled loops hold no interpreter lock, so threads really run side by side."""

import threading
from queue import SimpleQueue

import numpy as np

from minicnn.backend.cores import available_cores
from minicnn.layers.checks import positive

AWAKE = 0.1
"""Seconds after which a thread that waits for others looks for Ctrl-C: one that comes just before does not wake it."""


def thread_count(threads: int | None = None) -> int:
    """``threads`` as a number, by default every core that this process may use. Raises ValueError or TypeError."""
    return available_cores() if threads is None else positive("threads", threads)


class Share:
    """What one thread does of a job; ``give_up`` is called where it fails."""

    def __init__(self, job, thread, give_up):
        self.job, self.thread, self.give_up = job, thread, give_up
        self.done, self.failure = threading.Event(), None

    def run(self):
        if self.done.is_set():  # it was given twice
            return
        try:
            self.job(self.thread)
        except BaseException as error:
            self.failure = error
            self.give_up()
        finally:
            self.done.set()


class Team:
    """``run(job, threads)`` calls job(0), job(1), ... each in a thread of its own, the first in the caller's.

    It returns when all are done. Threads start when they are first needed and end with the block. An exception in one
    of them, Ctrl-C included, is raised by ``run`` after the others are done; ``give_up`` is called at once, for those
    who may be waiting for the one that failed. NumPy's warnings of overflow and of invalid values are off in all
    threads: whoever trains looks at the loss itself.
    """

    def __init__(self):
        self.inboxes, self.threads = [], []

    def __enter__(self):
        self._errstate = np.errstate(over="ignore", invalid="ignore")
        self._errstate.__enter__()
        return self

    def __exit__(self, *error):
        for inbox in self.inboxes:
            inbox.put(None)
        for thread in self.threads:
            thread.join()
        self.inboxes, self.threads = [], []
        self._errstate.__exit__(*error)

    def run(self, job, threads, give_up=lambda: None):
        while len(self.inboxes) < threads - 1:
            self._start()
        shares, given = [Share(job, thread, give_up) for thread in range(threads)], []
        try:
            for inbox, share in zip(self.inboxes, shares[1:]):
                given.append(share)
                inbox.put(share)
            job(0)
        except BaseException as error:
            shares[0].failure = error
            give_up()
            if given:  # Ctrl-C may have come before the last was put; nobody does a share twice
                self.inboxes[len(given) - 1].put(given[-1])
        for share in given:
            while not share.done.is_set():
                try:
                    share.done.wait(AWAKE)
                except KeyboardInterrupt as error:
                    shares[0].failure = error
                    give_up()
        for share in shares:
            if share.failure is not None:
                raise share.failure

    def _start(self):
        inbox = SimpleQueue()
        thread = threading.Thread(target=self._work, args=(inbox,), daemon=True, name="minicnn")
        thread.start()
        self.threads.append(thread)
        self.inboxes.append(inbox)

    def _work(self, inbox):
        with np.errstate(over="ignore", invalid="ignore"):
            while (share := inbox.get()) is not None:
                share.run()
