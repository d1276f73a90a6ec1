"""Data-parallel gradients: several processes, each with a part of every batch.

NumPy holds Python's interpreter lock between its many short calls, so threads mostly wait for each other;
processes do not. Parameters, gradients and the data set lie in memory that all of them share.
"""

import contextlib
import multiprocessing
import signal
import time
import traceback

import numpy as np

from minicnn.backend.cores import available_cores
from minicnn.errors import WorkerError
from minicnn.layers.parameter import ParameterVector
from minicnn.training.step import GradientStep

START_SECONDS = 120
"""How long a worker may take to start (it imports NumPy and the caller's main module)."""


def default_workers(batch_size):
    """A core for every 32 samples of a batch: less work than that is not worth the handing over."""
    return max(1, min(available_cores(), batch_size // 32))


class WorkerPool:
    """``pool(indices) -> (loss, errors)`` as GradientStep does it, the batch split among ``workers`` processes.

    This process is one of them. The gradient is the sum of the parts, always in the same order: equal seeds
    and equal worker counts give bit-equal weights. A context manager; no process outlives the block.

    Processes are spawned, never forked, so a script that uses more than one worker must start its work below
    ``if __name__ == "__main__":``. Raises WorkerError, with the worker's traceback, when one fails.
    """

    def __init__(self, network, loss, dataset, workers):
        self.network, self.loss, self.workers = network, loss, workers
        context = multiprocessing.get_context("spawn")
        size, dtype = network.vector.values.size, network.dtype
        self.values = SharedArray(context, size, dtype)
        self.grads = [SharedArray(context, size, dtype) for _ in range(workers - 1)]
        self.images = SharedArray(context, dataset.images.shape, dataset.images.dtype)
        self.labels = SharedArray(context, dataset.labels.shape, dataset.labels.dtype)
        self.images.array[...], self.labels.array[...] = dataset.images, dataset.labels
        self.dataset = SharedDataset(self.images, self.labels)
        self.context = context
        self.processes = []

    def __enter__(self):
        self.local = GradientStep(self.network, self.loss, self.dataset).__enter__()
        try:
            self.members = [self._start(grads) for grads in self.grads]
            for member in self.members:
                member.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, grads):
        member = _Member(self.context, len(self.dataset.labels))
        arguments = member.shared, self.network, self.loss, self.dataset, self.values, grads
        process = self.context.Process(target=_work, args=arguments, daemon=True, name="minicnn worker")
        with _ctrl_c_held_back():
            process.start()
        member.process = process
        self.processes.append(process)
        return member

    def __exit__(self, *error):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        self.local.__exit__()

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        self.images.array[...] = images

    def __call__(self, indices):
        parts = np.array_split(indices, self.workers)
        busy = [(m, part, g.array) for m, part, g in zip(self.members, parts[1:], self.grads) if len(part)]
        self.values.array[...] = self.network.vector.values
        for member, part, _ in busy:
            member.hand_over(part, len(indices))
        loss, errors = self.local(parts[0], len(indices))
        for member, _, grads in busy:
            part_loss, part_errors = member.result()
            loss, errors = loss + part_loss, errors + int(part_errors)
            self.network.vector.grads += grads
        return loss, errors


class SharedArray:
    """An array in memory that spawned processes share; it may be passed to a Process as an argument."""

    def __init__(self, context, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)
        count = int(np.prod(shape)) * self.dtype.itemsize
        self.memory = context.RawArray("b", count)

    @property
    def array(self):
        return np.frombuffer(self.memory, self.dtype).reshape(self.shape)


class SharedDataset:
    """images and labels in shared memory, with the attributes of a Dataset that a step reads."""

    def __init__(self, images, labels):
        self._shared = images, labels
        self.images, self.labels = images.array, labels.array

    def __reduce__(self):
        return type(self), self._shared


class _Member:
    """One worker as the pool sees it: two semaphores that hand the turn over, and a place for messages."""

    def __init__(self, context, capacity):
        self.turn, self.done = context.Semaphore(0), context.Semaphore(0)
        self.indices = SharedArray(context, capacity + 2, np.int64)  # [count, batch_size, index, index, ...]
        self.results = SharedArray(context, 2, np.float64)
        self.failure, failure_end = context.Pipe(duplex=False)
        self.shared = self.turn, self.done, self.indices, self.results, failure_end
        self.indices_array, self.results_array = self.indices.array, self.results.array

    def hand_over(self, indices, batch_size):
        self.indices_array[:2] = len(indices), batch_size
        self.indices_array[2 : 2 + len(indices)] = indices
        self.turn.release()

    def result(self):
        self._wait()
        return self.results_array

    def wait_until_ready(self):
        self._wait(START_SECONDS)

    def _wait(self, seconds=float("inf")):
        """Until the worker is done; WorkerError if it reports a failure, has died or takes too long."""
        waited = 0
        while not take(self.done, timeout=0.5):
            waited += 0.5
            if self.failure.poll():
                break
            if not self.process.is_alive():
                raise WorkerError(
                    f"a worker process died (exit code {self.process.exitcode}); a script that trains with "
                    'workers must start below: if __name__ == "__main__":'
                )
            if waited > seconds:
                raise WorkerError(f"a worker process did not start within {seconds} s; try workers=1")
        if self.failure.poll():
            raise WorkerError(f"a worker process failed:\n{self.failure.recv()}")


def take(semaphore, timeout):
    """Acquire ``semaphore`` within ``timeout`` seconds or return False.

    For the first two milliseconds it asks again and again: a process that sleeps takes longer to wake up than
    a step's parts differ in time.
    """
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        if semaphore.acquire(block=False):
            return True
    return semaphore.acquire(timeout=timeout)


@contextlib.contextmanager
def _ctrl_c_held_back():
    """Within the block Ctrl-C waits; a process started there inherits that, so its imports are not interrupted.

    Windows has no such mask: there a worker may die in its first half second.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(shared, network, loss, dataset, values, grads):
    """A worker's life: wait for indices, compute their gradient from the shared parameters, say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends its workers
    turn, done, indices, results, failure = shared
    try:
        network.vector = ParameterVector(network.parameters(), np, values.array, grads.array)
        indices, results = indices.array, results.array
        parent = multiprocessing.parent_process()
        with GradientStep(network, loss, dataset) as step:
            done.release()
            while True:
                while not take(turn, timeout=5):
                    if not parent.is_alive():
                        return
                count, batch_size = indices[:2].tolist()
                results[:] = step(indices[2 : 2 + count], batch_size)
                done.release()
    except Exception:
        failure.send(traceback.format_exc())
        done.release()
