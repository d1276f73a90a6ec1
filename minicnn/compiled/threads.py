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
    """``run(jobs)`` calls one function in each thread, the first in the caller's own, and returns when all are done.

    Threads start when they are first needed, and end with the block. An exception in one of them is raised again by
    ``run``, after the others are done. NumPy's warnings of overflow and of invalid values are off in all of them, for
    whoever trains looks at the loss itself.
    """

    def __init__(self):
        self.inboxes, self.done = [], SimpleQueue()

    def __enter__(self):
        self._errstate = np.errstate(over="ignore", invalid="ignore")
        self._errstate.__enter__()
        return self

    def __exit__(self, *error):
        for inbox in self.inboxes:
            inbox.put(None)
        self.inboxes = []
        self._errstate.__exit__(*error)

    def run(self, jobs):
        while len(self.inboxes) < len(jobs) - 1:
            self.inboxes.append(SimpleQueue())
            threading.Thread(target=self._work, args=(self.inboxes[-1],), daemon=True, name="minicnn").start()
        for inbox, job in zip(self.inboxes, jobs[1:]):
            inbox.put(job)
        failure = _outcome(jobs[0])
        for _ in jobs[1:]:
            failure = self._next_outcome() or failure
        if failure is not None:
            raise failure

    def _next_outcome(self):
        """What the next thread to be done has raised; Ctrl-C in the meantime counts as that, but is not lost."""
        interrupt = None
        while True:
            try:
                return self.done.get() or interrupt
            except KeyboardInterrupt as error:
                interrupt = error

    def _work(self, inbox):
        with np.errstate(over="ignore", invalid="ignore"):
            while (job := inbox.get()) is not None:
                self.done.put(_outcome(job))


def _outcome(job):
    """Calls it -> the exception that it raised, or None."""
    try:
        job()
    except BaseException as error:
        return error
