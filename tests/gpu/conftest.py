"""Makes the checks that are shared with tests/backend and tests/compiled importable; every test here is on a GPU."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("compiled", "backend")]

import device_stand_in  # noqa: E402

from minicnn import backend as backends  # noqa: E402
from minicnn.errors import BackendNotAvailableError  # noqa: E402


@pytest.fixture(autouse=True)
def on_a_gpu():
    """No test here passes on the stand-in that other folders use in CuPy's place: the driver itself says where arrays
    lie. Without a GPU the test is skipped."""
    assert not isinstance(sys.modules.get("cupy"), device_stand_in.FakeCupy), "a stand-in was left in CuPy's place"
    try:
        backend = backends.get("cupy")
    except BackendNotAvailableError as error:
        pytest.skip(f"no GPU: {error}")
    runtime, a = backend.xp.cuda.runtime, backend.asarray(np.ones(3))
    assert runtime.pointerGetAttributes(a.data.ptr).type == runtime.memoryTypeDevice
