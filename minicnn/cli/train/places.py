"""The directory of the results: each run has one of its own."""

import contextlib
from pathlib import Path

from minicnn.files import locked


@contextlib.contextmanager
def results_directory(path=None):
    """The directory for the results, this run's alone while the block lasts; without results it is removed again.

    ``path``, or the first of runs/lenet5, runs/lenet5-2, ... that does not exist yet: whoever creates it has claimed
    it. Raises BlockingIOError where another run writes into ``path`` at this moment.
    """
    existed = path is not None and path.exists()
    if path is None:
        path = new_directory(Path("runs/lenet5"))
    path.mkdir(parents=True, exist_ok=True)
    try:
        with locked(path):
            yield path
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()


def new_directory(path):
    """Create ``path``, or the first of path-2, path-3, ... that there is not yet: no two runs get the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    candidate, number = path, 1
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            number += 1
            candidate = path.with_name(f"{path.name}-{number}")
