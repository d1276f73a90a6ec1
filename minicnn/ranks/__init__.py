"""Processes that train one network together: each is a rank, one of ``size``.

``communicator.py`` says what ranks can do with each other, and is what a process has that is alone; ``mpi.py`` does it
by MPI, ``nccl.py`` between GPUs by NCCL; ``launcher.py`` finds out whether this process is one of several.
"""

from minicnn.ranks.communicator import Communicator
from minicnn.ranks.launcher import world

__all__ = ["Communicator", "world"]
