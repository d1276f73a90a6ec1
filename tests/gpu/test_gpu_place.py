"""What stands in CuPy's place when the tests of this folder run, after all others; needs no GPU."""

import sys

import device_stand_in
import pytest


@pytest.fixture(autouse=True)
def on_a_gpu():
    """In place of the folder's, which skips."""


def test_no_other_folder_leaves_its_stand_in():
    assert not isinstance(sys.modules.get("cupy"), device_stand_in.FakeCupy)
