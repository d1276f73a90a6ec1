"""What the processes that train together can do with each other."""

import contextlib
import sys
from collections.abc import Iterator

import numpy as np

from minicnn.backend import Backend
from minicnn.errors import RankError
from minicnn.typing import Array


class Communicator:
    """A process by itself: rank 0 of 1. One that is one of several overrides ``rank`` and ``size``, which of them it is
    and how many they are, ``broadcast``, ``sum`` and ``abort``; what else there is follows from these.

    array: C-contiguous, of numbers, of the same shape and type on all ranks. All ranks call the same methods in the
    same order; each waits for the others.
    """

    rank, size = 0, 1

    words = "nothing"
    """By what the ranks talk, for people."""

    def broadcast(self, array: Array, root: int = 0) -> None:
        """array becomes that of rank root, in place."""

    def sum(self, array: Array) -> None:
        """array becomes the sum of all ranks', in place: the same bits on all of them."""

    def abort(self) -> None:
        """End all processes at once: the last resort."""
        raise SystemExit(1)

    def every(self, number: float) -> np.ndarray:
        """The numbers of all ranks: float64 ``(size,)``."""
        numbers = np.zeros(self.size)
        numbers[self.rank] = number
        self.sum(numbers)
        return numbers

    def data(self, data: bytes, root: int = 0) -> bytes:
        """The bytes that rank root has; what the others give is ignored."""
        count = int(self.every(len(data) if self.rank == root else 0)[root])
        array = np.frombuffer(data, np.uint8).copy() if self.rank == root else np.zeros(count, np.uint8)
        self.broadcast(array, root)
        return array.tobytes()

    def on(self, backend: Backend) -> "Communicator":
        """The communicator for networks on this backend."""
        return self

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """A block that each rank goes through by itself, and which ends for all or for none: an error in one rank is
        an error in all.

        A rank that has failed raises its own error, the others a RankError with its words. ``error.elsewhere`` is False
        on the first rank that failed, True on all others: a message that people need to read once.

        In the block, what all ranks do together must not fail in one of them alone.
        """
        if self.size == 1:
            yield
            return
        failure: Exception | None = None
        try:
            yield
        except Exception as own:
            failure = own
        failed = self.every(failure is not None)
        if not failed.any():
            return
        first = int(failed.argmax())
        message = self.data(f"{type(failure).__name__}: {failure}".encode(), first).decode()
        error = failure or RankError(f"rank {first} of {self.size} has failed: {message}")
        raise self.everyones(error, first)

    def everyones(self, error: Exception, first: int = 0) -> Exception:
        """The error, marked as one that all ranks raise, and which rank ``first`` tells of."""
        if not hasattr(error, "elsewhere"):
            setattr(error, "elsewhere", self.rank != first)  # noqa: B010 - which no Exception has by itself
        return error

    @contextlib.contextmanager
    def last_resort(self) -> Iterator[None]:
        """A block in which an error of one rank that the others do not know of ends them all: they wait for it."""
        try:
            yield
        except BaseException as error:
            if self.size > 1 and not hasattr(error, "elsewhere"):
                print(f"error: rank {self.rank} of {self.size}: {type(error).__name__}: {error}", file=sys.stderr)
                self.abort()
            raise
