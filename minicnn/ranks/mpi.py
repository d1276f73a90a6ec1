"""Ranks that talk by MPI, through mpi4py."""

from typing import Any

import numpy as np
from mpi4py import MPI

from minicnn.backend import Backend, cores
from minicnn.ranks.communicator import Communicator
from minicnn.typing import Array


def library() -> str:
    """The MPI that mpi4py uses, and its version."""
    name, (major, minor) = MPI.get_vendor()[0], MPI.get_vendor()[1][:2]
    return f"{name} {major}.{minor}"


class MpiCommunicator(Communicator):
    """The ranks of an MPI communicator, by default all that mpiexec has started.

    Each of them keeps to its share of the cores of its machine from now on (``minicnn.backend.cores``): ranks that may
    use the same ones, for MPI has not bound them to cores of their own, divide them.

    An array on a GPU goes through the host's memory (``nccl.py`` needs no such way).
    """

    def __init__(self, comm: Any = None) -> None:
        self.comm = (MPI.COMM_WORLD if comm is None else comm).Dup()  # nobody else's messages come here
        self.rank, self.size = self.comm.rank, self.comm.size
        self.words = library()
        self.here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        cores.keep_to(cores.share(cores.own_cores(), self.here.allgather(cores.own_cores())))

    def broadcast(self, array: Array, root: int = 0) -> None:
        self._on_host(array, lambda host: self.comm.Bcast(host, root))

    def sum(self, array: Array) -> None:
        self._on_host(array, lambda host: self.comm.Allreduce(MPI.IN_PLACE, host))

    def _on_host(self, array, work):
        if isinstance(array, np.ndarray):
            work(array)
            return
        host = array.get()
        work(host)
        array.set(host)

    def on(self, backend: Backend) -> Communicator:
        nccl = getattr(backend.xp.cuda, "nccl", None) if backend.name == "cupy" else None
        if nccl is None or not nccl.available or self.size == 1:
            return self
        from minicnn.ranks.nccl import NcclCommunicator

        return NcclCommunicator(backend.xp, self.comm)

    def abort(self) -> None:
        self.comm.Abort(1)
