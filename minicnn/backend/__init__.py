"""Where arrays live and what runs on them: ``get("numpy")``, ``get("cupy")`` or ``get("auto")``."""

import os

from minicnn.backend.base import Backend, output_size
from minicnn.backend.numpy_backend import NumpyBackend
from minicnn.errors import BackendNotAvailableError

__all__ = ["Backend", "NumpyBackend", "get", "output_size"]

NAMES = ("numpy", "cupy", "auto")


def get(name: str | Backend | None = None) -> Backend:
    """The backend called ``name``: "numpy", "cupy" or "auto"; a Backend is returned as it is.

    None takes the name from the environment variable MINICNN_BACKEND, or "auto". "auto" is CuPy where a CUDA
    device is really usable and NumPy elsewhere; the backend's ``reason`` says which and why.

    Raises ValueError for another name and BackendNotAvailableError where CuPy is asked for and cannot run.
    """
    if isinstance(name, Backend):
        return name
    if name is None:
        name = os.environ.get("MINICNN_BACKEND") or "auto"
    if name not in NAMES:
        raise ValueError(f"backend must be one of {', '.join(NAMES)} (or a Backend), got {name!r}")
    backend: Backend
    if name == "numpy":
        backend, reason = NumpyBackend(), "asked for"
    elif name == "cupy":
        backend, reason = _cupy(), "asked for"
    else:
        try:
            backend, reason = _cupy(), "a CUDA device is usable"
        except BackendNotAvailableError as error:
            backend, reason = NumpyBackend(), " ".join(str(error).split())
    backend.reason = reason
    return backend


def _cupy() -> Backend:
    from minicnn.backend.cupy_backend import CupyBackend

    return CupyBackend()
