"""Makes this folder's helper modules importable, and a CupyBackend that runs without a GPU."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import device_stand_in


@pytest.fixture(scope="session")
def fake_cupy():
    """The stand-in for the cupy module."""
    if device_stand_in.COMPILER is None:
        pytest.skip("g++ is needed to run the CUDA kernels on the CPU")
    return device_stand_in.FakeCupy()


@pytest.fixture(scope="session")
def device(fake_cupy):
    """The real CupyBackend on the stand-in. While it is in use, ``import cupy`` finds the stand-in."""
    from minicnn.backend.cupy_backend import CupyBackend

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", fake_cupy)
        yield CupyBackend()
