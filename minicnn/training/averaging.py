"""A network whose weights are the average of those that another one has had while it was trained."""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minicnn.layers.checks import positive
from minicnn.network import Sequential
from minicnn.training.protocol import check_network
from minicnn.typing import Array


class AveragedNetwork:
    """average <- d^k · average + (1 - d^k) · w after every k steps: an exponential moving average of the weights.

    Noise in the weights, which a learning rate leaves there, is averaged over the last 1 / (1 - d) steps or so; the
    training itself knows nothing of it (Polyak, Juditsky 1992; PyTorch's ``AveragedModel`` with
    ``get_ema_multi_avg_fn(d)``). Given to ``fit(..., average=...)``, it is tested after every epoch beside the network.

    ``network`` is the average, a Sequential of its own that begins as a copy. What layers keep beside their parameters
    (the statistics of a normalisation) is not averaged: it is the trained network's.

    network: the Sequential to be trained, in its place already (``net.to(...)``); decay: d; every: k.
    Raises ValueError unless 0 <= decay < 1 and every is at least 1, TypeError for what is no Sequential.
    """

    def __init__(self, network: Sequential, decay: float = 0.999, every: int = 32) -> None:
        check_network(network)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {decay}")
        self.decay, self.every = decay, positive("every", every)
        self.network = copy.deepcopy(network)

    def __repr__(self) -> str:
        return f"AveragedNetwork(decay={self.decay}, every={self.every})"

    def epoch(self, network: Sequential, steps: Any, first: int, batches: Iterable[Array], rates: Iterable[float],
              stopped: Callable[[], bool]) -> Iterator[tuple[Array, float, float, int]]:  # fmt: skip
        """``steps.epoch(batches, rates, stopped)``, taking in the network's weights on the way.

        first: how many batches of this epoch have been before.
        """
        batches, rates = list(batches), list(rates)
        start = 0
        while start < len(batches):
            end = min(start + self.every - (first + start) % self.every, len(batches))
            done = start
            for result in steps.epoch(batches[start:end], rates[start:end], stopped):
                done += 1
                yield result
            if done < end:
                return
            self.update(network, (first + end - 1) % self.every + 1)
            start = end

    def update(self, network: Sequential, steps: int) -> None:
        """Take in the network's weights, ``steps`` steps after the last time."""
        ours, theirs = self.network.vector.values, network.vector.values
        ours += ours.dtype.type(1 - self.decay**steps) * (theirs - ours)
        for name, (layer, attribute) in network.buffer_places().items():
            setattr(*self.network.buffer_places()[name], getattr(layer, attribute).copy())


def check_average(average: AveragedNetwork | None, network: Sequential) -> None:
    """TypeError or ValueError unless ``average`` is None or can be the average of the network's weights."""
    if average is None:
        return
    if not isinstance(average, AveragedNetwork):
        raise TypeError(f"average must be a minicnn.training.AveragedNetwork, got {type(average).__name__}")
    ours, theirs = facts(average.network), facts(network)
    for what in ours | theirs:
        if ours.get(what) != theirs.get(what):
            raise ValueError(f"average must be of the network that is trained: {what} is {ours.get(what)} in the "
                             f"average, {theirs.get(what)} in the network")  # fmt: skip


def facts(network: Sequential) -> dict[str, str]:
    """{what: its kind} of all that two networks must have in common for one to be an average of the other."""
    arrays = {p.name: p.value for p in network.parameters()} | dict(network.named_buffers())
    return {"backend": network.backend.name} | {name: f"{a.dtype} {tuple(a.shape)}" for name, a in arrays.items()}
