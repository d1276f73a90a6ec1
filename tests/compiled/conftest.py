"""Makes this folder's helper modules importable, a CupyBackend that runs without a GPU, and the forms of a step."""

import sys
from pathlib import Path

import pytest

from minicnn.compiled import forms
from minicnn.compiled.numpy_form import NumpyForm

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))
sys.path.insert(0, str(Path(__file__).parent))

from device_fixtures import device, fake_cupy  # noqa: F401


@pytest.fixture(params=["loops", "NumPy"])
def form(request, monkeypatch):
    """The step in compiled loops, and in NumPy as without Numba."""
    if request.param == "loops":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(forms, "numba_obstacle", lambda: "there is none")
        monkeypatch.setattr(forms, "_maker", lambda name: NumpyForm)
    return request.param
