"""Threads that share a batch. Compiled loops hold no interpreter lock, so threads really run side by side."""

import threading
from queue import SimpleQueue

import numpy as np

from minicnn.backend.cores import available_cores
from minicnn.layers.checks import positive


def thread_count(threads=None):
    """``threads`` as a number, by default every core that this process may use. Raises ValueError or TypeError."""
    return available_cores() if threads is None else positive("threads", threads)


class Team:
    """``run(job, threads)`` calls job(0), job(1), ... each in a thread of its own, the first in the caller's.

    It returns when all are done. Threads start when they are first needed and end with the block. An exception in one
    of them, Ctrl-C included, is raised by ``run`` after the others are done; ``give_up`` is called first, for threads
    that wait for one which has failed. NumPy's warnings of overflow and of invalid values are off in all threads:
    whoever trains looks at the loss itself.
    """

    def __init__(self):
        self.inboxes, self.threads, self.done = [], [], SimpleQueue()

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

    def run(self, job, threads, give_up=None):
        while len(self.inboxes) < threads - 1:
            inbox = SimpleQueue()
            thread = threading.Thread(target=self._work, args=(inbox,), daemon=True, name="minicnn")
            thread.start()
            self.threads.append(thread)
            self.inboxes.append(inbox)
        left, failure = threads - 1, None
        try:
            for thread, inbox in enumerate(self.inboxes[: threads - 1], start=1):
                inbox.put((job, thread))
            job(0)
        except BaseException as error:
            failure = error
        while left:
            try:
                if failure is not None and give_up is not None:
                    give_up()
                failure = self.done.get() or failure
                left -= 1
            except KeyboardInterrupt as error:
                failure = error
        if failure is not None:
            raise failure

    def _work(self, inbox):
        with np.errstate(over="ignore", invalid="ignore"):
            while (task := inbox.get()) is not None:
                job, thread = task
                try:
                    job(thread)
                    self.done.put(None)
                except BaseException as error:
                    self.done.put(error)
