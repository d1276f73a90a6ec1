"""Before ranks train together: that they have the same task, and stand at the same point of it."""

import contextlib
import json
import tempfile
import zlib
from pathlib import Path

import minicnn
from minicnn.compiled import describe
from minicnn.errors import RankError
from minicnn.training.fingerprint import data_digest, words
from minicnn.training.schema import generator, random_state


def check_batch_size(batch_size, train, communicator):
    """ValueError where a batch has no sample for some rank."""
    most = min(batch_size, len(train.labels))
    if most < communicator.size:
        raise ValueError(f"batch_size must be at least 1 for each of the {communicator.size} ranks that share a batch, "
                         f"got {most}: start fewer, or give larger batches")  # fmt: skip


def facts_of(network, optimizer, task, test, settings):
    """{name: value} of all that must be the same on every rank, in numbers and short words."""
    shapes = [f"{name} {tuple(p.shape)} {p.value.dtype}" for name, p in network.named_parameters()]
    numbers = {name: value for name, value in vars(optimizer).items() if isinstance(value, (int, float, str))}
    return {
        "minicnn": minicnn.__version__, "backend": f"{network.backend.name}, {describe(network.backend)}",
        "network": [*words(network).splitlines(), *shapes], "optimizer": [type(optimizer).__name__, numbers],
        **task, "test data": test and data_digest(network.backend, test),
        **{name: words(value) for name, value in settings.items()},
    }  # fmt: skip


def agree(communicator, facts):
    """RankError on every rank unless all have the same facts; the first that differs from rank 0 says in what."""
    told = json.loads(communicator.data(json.dumps(facts, default=str).encode()))
    with communicator.together():
        own = json.loads(json.dumps(facts, default=str))
        for name, value in told.items():
            if own.get(name) != value:
                raise RankError(f"rank {communicator.rank} of {communicator.size} cannot train with the others: its "
                                f"{name} is {own.get(name)}, rank 0's {value}")  # fmt: skip


def share_state(communicator, network):
    """Every rank's network becomes rank 0's: parameters, buffers, and what its layers draw from."""
    if communicator.size == 1:
        return
    for array in (network.vector.values, *(array for _, array in network.named_buffers())):
        communicator.broadcast(array)
    states = json.dumps([random_state(rng) for _, rng in network.named_generators()])
    for (_, rng), state in zip(network.named_generators(), json.loads(communicator.data(states.encode()))):
        rng.bit_generator.state = generator(state).bit_generator.state


@contextlib.contextmanager
def copy_of(communicator, path):
    """Rank 0's file on every rank while the block lasts: the others may not see its directory."""
    if communicator.size == 1:
        yield path
        return
    with communicator.together():
        data = Path(path).read_bytes() if communicator.rank == 0 else b""
    data = communicator.data(data)
    if communicator.rank == 0:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkpoint.npz"
        copy.write_bytes(data)
        yield copy


def check_same(communicator, network):
    """RankError unless all ranks have the same parameters, bit for bit, as they must after the same steps."""
    if communicator.size == 1:
        return
    sums = communicator.every(zlib.crc32(network.backend.to_numpy(network.vector.values).tobytes()))
    others = [rank for rank, checksum in enumerate(sums) if checksum != sums[0]]
    if others:
        raise RankError(f"the weights of rank {others[0]} are no longer those of rank 0: a machine that computes "
                        "wrongly, or a layer, loss or optimizer that does not do the same on every rank")  # fmt: skip
