"""Whether a process is one of several is known from what the launcher has told it."""

import sys

import pytest

from minicnn import ranks
from minicnn.backend import cores
from minicnn.errors import RankError
from minicnn.ranks.launcher import launched


@pytest.mark.parametrize(
    ("environment", "size"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "4", "PMIX_RANK": "0"}, 4),
        ({"PMI_SIZE": "2", "PMI_RANK": "1"}, 2),
        ({"PMI_SIZE": "1"}, 1),
        ({"SLURM_STEP_NUM_TASKS": "8", "PMIX_RANK": "0"}, 8),
        ({"PMIX_RANK": "2"}, 3),
        ({"PMIX_RANK": "0"}, 1),
        ({"PMI_SIZE": "no number"}, 1),
    ],
)
def test_how_many_were_started(environment, size):
    assert launched(environment) == size


def test_a_process_by_itself_needs_no_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert ranks.world({}).size == 1


def test_several_without_mpi4py_are_refused(monkeypatch):
    """Each would train by itself, and overwrite what the others write."""
    monkeypatch.delitem(sys.modules, "minicnn.ranks.mpi", raising=False)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(RankError, match=r"has started 3 processes .* mpi4py does not work here .*\[mpi\]"):
        ranks.world({"PMI_SIZE": "3"})


@pytest.mark.parametrize(
    ("mine", "everyones", "share"),
    [
        ({0, 1}, [{0, 1}], 2),
        ({0, 1}, [{0, 1}, {0, 1}], 1),
        ({0}, [{0}, {1}], 1),
        ({0, 1, 2, 3}, [{0, 1, 2, 3}, {0, 1, 2, 3}, {4, 5}], 2),
        ({0, 1, 2, 3}, [{0, 1, 2, 3}] * 3, 1),
        ({0}, [{0}, {0}], 1),
        (set(range(6)), [set(range(6))] * 3, 2),
    ],
)
def test_ranks_divide_the_cores_that_they_share(mine, everyones, share):
    assert cores.share(mine, everyones) == share


def test_a_process_may_keep_to_fewer_cores(monkeypatch):
    monkeypatch.setattr(cores, "_kept_to", None)
    assert cores.available_cores() == len(cores.own_cores())
    cores.keep_to(1)
    assert cores.available_cores() == 1
