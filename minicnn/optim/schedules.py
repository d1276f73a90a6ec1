"""Learning rates over time: ``schedule(epoch) -> lr``, epoch a real number, 0 at the start, 2.5 half-way
through the third pass."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Constant:
    """lr at all times."""

    lr: float

    def __post_init__(self) -> None:
        _check_rate("lr", self.lr)

    def __call__(self, epoch: float) -> float:
        return self.lr


@dataclass(frozen=True)
class StepTable:
    """((lr, epochs), (lr, epochs), ...): each rate for so many epochs; the last one stays.

    >>> schedule = mc.optim.schedules.StepTable(((0.1, 2), (0.01, 3)))
    >>> [schedule(epoch) for epoch in (0, 1.9, 2, 9)]
    [0.1, 0.1, 0.01, 0.01]
    """

    table: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.table:
            raise ValueError("table is empty: it needs at least one (lr, epochs)")
        for lr, epochs in self.table:
            _check_rate("lr", lr)
            _check_rate("epochs", epochs)

    def __call__(self, epoch: float) -> float:
        ends = list(accumulate(epochs for _, epochs in self.table))
        return self.table[min(bisect_right(ends, epoch), len(self.table) - 1)][0]


@dataclass(frozen=True)
class Cosine:
    """From lr down to ``final`` along half a cosine: final + (lr - final) (1 + cos(pi epoch / epochs)) / 2."""

    lr: float
    epochs: float
    final: float = 0.0

    def __post_init__(self) -> None:
        _check_rate("lr", self.lr)
        _check_rate("epochs", self.epochs)
        if not 0 <= self.final <= self.lr:
            raise ValueError(f"final must lie between 0 and lr = {self.lr}, got {self.final}")

    def __call__(self, epoch: float) -> float:
        progress = min(max(epoch / self.epochs, 0), 1)
        return self.final + (self.lr - self.final) * (1 + math.cos(math.pi * progress)) / 2


def _check_rate(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be positive and finite, got {value}")
