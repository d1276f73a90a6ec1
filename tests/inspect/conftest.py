"""A CupyBackend that runs without a GPU, for tests on either backend."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))

import device_stand_in


@pytest.fixture(params=["numpy", "device"])
def backend(request, monkeypatch):
    """"numpy", and CuPy's backend on a stand-in that refuses to be mixed with NumPy arrays, as CuPy does."""
    if request.param == "numpy":
        return "numpy"
    if device_stand_in.COMPILER is None:
        pytest.skip("g++ is needed to run the CUDA kernels on the CPU")
    monkeypatch.setitem(sys.modules, "cupy", device_stand_in.FakeCupy())
    from minicnn.backend.cupy_backend import CupyBackend

    return CupyBackend()
