"""Whether this process is one of several that a launcher such as mpiexec has started."""

import os
from collections.abc import Mapping

from minicnn.errors import RankError
from minicnn.ranks.communicator import Communicator

SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
"""Variables by which launchers say how many processes they have started: Open MPI's, MPICH's and Intel's, MVAPICH's,
Slurm's."""

RANKS = ("PMIX_RANK", "PMI_RANK")
"""Variables by which a launcher that says no size still says which of its processes this is."""


def world(environment: Mapping[str, str] = os.environ) -> Communicator:
    """All processes of this job as a Communicator: by MPI where a launcher has started several, else this one alone.

    Raises RankError where a launcher has started several that cannot talk to each other: each would train the same
    network by itself, and overwrite what the others write.
    """
    size = launched(environment)
    if size == 1:
        return Communicator()
    started = f"a launcher (mpiexec, srun) has started {size} processes of this program or more"
    try:
        from minicnn.ranks.mpi import MPI, MpiCommunicator, library
    except ImportError as error:
        raise RankError(
            f"{started}, but mpi4py does not work here ({error}): each would train by itself and overwrite what the "
            'others write; pip install "minicnn-lenet5[mpi]", or start one process'
        ) from error
    if MPI.COMM_WORLD.size < size:
        raise RankError(
            f"{started}, but mpi4py, which uses {library()}, knows of {MPI.COMM_WORLD.size}: start them with the "
            "mpiexec of that MPI"
        )
    return MpiCommunicator()


def launched(environment: Mapping[str, str]) -> int:
    """How many processes the launcher has started, or at least how many; 1 without one."""
    for name in SIZES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return max([int(environment[name]) + 1 for name in RANKS if environment.get(name, "").isdigit()], default=1)
