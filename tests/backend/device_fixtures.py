"""Fixtures for whoever tests on the stand-in: its module, and the real CupyBackend on it."""

import functools
import sys

import device_stand_in
import pytest


@functools.cache
def _cupy():
    return device_stand_in.FakeCupy()


@pytest.fixture(scope="session")
def fake_cupy():
    """The stand-in for the cupy module."""
    if device_stand_in.COMPILER is None:
        pytest.skip("g++ is needed to run the CUDA kernels on the CPU")
    return _cupy()


@pytest.fixture(scope="module")
def device(fake_cupy):
    """The real CupyBackend on the stand-in. To the end of the file that uses it, ``import cupy`` finds the stand-in."""
    from minicnn.backend.cupy_backend import CupyBackend

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", fake_cupy)
        yield CupyBackend()
