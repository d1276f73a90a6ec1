"""How many processor cores there are for us."""

import os

_kept_to: int | None = None


def available_cores() -> int:
    """The processor cores that this process may use: all, unless it keeps to a share of them."""
    return _kept_to or len(own_cores())


def own_cores() -> set[int]:
    """The numbers of the cores that the system lets this process run on."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def share(mine: set[int], everyones: list[set[int]]) -> int:
    """How many cores of the set ``mine`` are there for one of the processes whose sets are ``everyones``."""
    shares = (1 / sum(core in others for others in everyones) for core in mine)
    return max(1, int(sum(shares) + 1e-9))


def keep_to(count: int | None) -> None:
    """Use so many cores by default from now on, for other processes of ours use the rest; None: all."""
    global _kept_to
    _kept_to = count
