"""Everything here trains in plain NumPy: loops would be compiled anew for every number of classes."""

import pytest

from minicnn.compiled import forms


@pytest.fixture(autouse=True)
def plain_numpy(monkeypatch):
    monkeypatch.setattr(forms, "numba_obstacle", lambda: "a test")
    forms._maker.cache_clear()
    yield
    forms._maker.cache_clear()
