"""Ranks with a GPU each, whose gradients are added up by NCCL without a way through the host."""

from typing import Any

import numpy as np

from minicnn.errors import RankError
from minicnn.ranks.mpi import MpiCommunicator
from minicnn.typing import Array


class NcclCommunicator(MpiCommunicator):
    """As ``MpiCommunicator``, but sums and broadcasts of arrays on a GPU go by NCCL, on the stream in use.

    Each rank of a machine takes one of its GPUs from now on. cupy: the module. Raises RankError where there are fewer.
    """

    def __init__(self, cupy: Any, comm: Any = None) -> None:
        super().__init__(comm)
        self.cupy, self.nccl = cupy, cupy.cuda.nccl
        self.words = f"{self.words} and NCCL {self.nccl.get_version()}"
        there = cupy.cuda.runtime.getDeviceCount()
        with self.together():
            if self.here.size > there:
                raise RankError(f"{self.here.size} ranks on this machine need a GPU each, there are {there}: start "
                                "fewer, or take the numpy backend")  # fmt: skip
            cupy.cuda.Device(self.here.rank).use()
        name = self.comm.bcast(self.nccl.get_unique_id() if self.rank == 0 else None)
        self.gpus = self.nccl.NcclCommunicator(self.size, name, self.rank)

    def broadcast(self, array: Array, root: int = 0) -> None:
        if isinstance(array, np.ndarray):
            super().broadcast(array, root)
        else:
            self.gpus.bcast(array.data.ptr, *self._kind(array), root, self._stream())

    def sum(self, array: Array) -> None:
        if isinstance(array, np.ndarray):
            super().sum(array)
        else:
            place = array.data.ptr
            self.gpus.allReduce(place, place, *self._kind(array), self.nccl.NCCL_SUM, self._stream())

    def _kind(self, array):
        """(number of elements, their type) as NCCL counts them."""
        return array.size, getattr(self.nccl, f"NCCL_{array.dtype.name.upper()}")

    def _stream(self):
        return self.cupy.cuda.get_current_stream().ptr
