"""Arrays on a GPU are added by NCCL, those of the host by MPI: with stand-ins for CuPy, NCCL and the ranks."""

import types

import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="mpi4py is not installed")

from minicnn.errors import RankError
from minicnn.ranks.mpi import MPI, MpiCommunicator
from minicnn.ranks.nccl import NcclCommunicator


class Queue:
    """NCCL's communicator, which says what it was asked for."""

    def __init__(self, size, name, rank):
        self.made, self.asked = (size, name, rank), []

    def allReduce(self, *arguments):
        self.asked.append(("allReduce", *arguments))

    def bcast(self, *arguments):
        self.asked.append(("bcast", *arguments))


def cupy(devices=1):
    nccl = types.SimpleNamespace(
        available=True, NcclCommunicator=Queue, get_unique_id=lambda: "name", get_version=lambda: 22703,
        NCCL_SUM="sum", NCCL_FLOAT32="float32", NCCL_FLOAT64="float64",
    )  # fmt: skip
    used = []
    cuda = types.SimpleNamespace(
        nccl=nccl, used=used, runtime=types.SimpleNamespace(getDeviceCount=lambda: devices),
        Device=lambda number: types.SimpleNamespace(use=lambda: used.append(number)),
        get_current_stream=lambda: types.SimpleNamespace(ptr="stream"),
    )  # fmt: skip
    return types.SimpleNamespace(cuda=cuda)


def on_device(count, dtype):
    return types.SimpleNamespace(data=types.SimpleNamespace(ptr="place"), size=count, dtype=np.dtype(dtype))


def test_device_arrays_go_by_nccl_on_the_stream_in_use():
    module = cupy()
    ranks = NcclCommunicator(module, MPI.COMM_SELF)
    assert ranks.gpus.made == (1, "name", 0) and module.cuda.used == [0]
    ranks.sum(on_device(7, "float32"))
    ranks.broadcast(on_device(3, "float64"))
    assert ranks.gpus.asked == [
        ("allReduce", "place", "place", 7, "float32", "sum", "stream"),
        ("bcast", "place", 3, "float64", 0, "stream"),
    ]
    array = np.arange(3.0)
    ranks.sum(array)
    assert array.tolist() == [0, 1, 2] and len(ranks.gpus.asked) == 2
    assert ranks.words.endswith("and NCCL 22703")


def test_every_rank_of_a_machine_needs_a_gpu():
    with pytest.raises(RankError, match="1 ranks on this machine need a GPU each, there are 0"):
        NcclCommunicator(cupy(devices=0), MPI.COMM_SELF)


def test_a_communicator_stays_as_it_is_where_there_is_nothing_to_add():
    ranks = MpiCommunicator(MPI.COMM_SELF)
    assert ranks.on(types.SimpleNamespace(name="cupy", xp=cupy())) is ranks
    assert ranks.on(types.SimpleNamespace(name="numpy")) is ranks
