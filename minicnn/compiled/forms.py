"""Which form of the primitives computes here."""

import logging
from functools import cache
from importlib import metadata

from minicnn import sources
from minicnn.backend import Backend
from minicnn.compiled.numpy_form import NumpyForm

log = logging.getLogger("minicnn")

PART = 16
"""Samples of a part for loops: one pixel of them is a vector or two, and all maps of LeNet-5 stay in the cache."""

PLAIN_PART = 32
"""Samples of a part for array code, whose calls cost as much as small arrays."""


def new_form(network):
    """Loops for the CPU where Numba works, NumPy where it does not, CUDA on a GPU."""
    return _maker(network.backend.name)(network.backend, network.dtype)


def compiles_loops(network):
    """Whether the network runs as loops for the CPU."""
    return network.backend.name == "numpy" and numba_obstacle() is None


def describe(backend: Backend) -> str:
    """What computes on this backend, in a few words."""
    if backend.name == "cupy":
        return "CUDA kernels"
    if numba_obstacle() is not None:
        return "plain NumPy"
    return f"loops compiled by Numba {metadata.version('numba')}"


def part_size(network, most, ranks=1):
    """How many of a batch of ``most`` samples go through the network at once, where so many processes share it."""
    if network.backend.name == "cupy":
        return -(-most // ranks)
    if compiles_loops(network):
        size = next((size for size in (1, 8) if most <= size), PART)
    else:
        size = min(most, PLAIN_PART)
    while size > 1 and -(-most // size) < ranks:  # a part for each
        size //= 2
    return size


@cache
def _maker(name):
    if name == "cupy":
        from minicnn.compiled.cuda import CudaForm

        return CudaForm
    reason = numba_obstacle()
    if reason is None:
        from minicnn.compiled.cpu import CpuForm

        return CpuForm
    log.warning("minicnn computes in plain NumPy, for %s", reason)
    return NumpyForm


@cache
def numba_obstacle() -> str | None:
    """Why loops cannot be compiled here, and what helps; None where they can."""
    try:
        from minicnn.compiled.cpu import kernels

        kernels()
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "numba"
        what = "Numba is not installed" if missing else f"Numba does not work here ({type(error).__name__}: {error})"
        return f"{what}: {sources.pip_install('fast')} trains several times faster"
    return None
