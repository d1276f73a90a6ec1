"""No test here meets the user's cache, the user's variables or the network."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from minicnn.data import cache as cache_module
from minicnn.data import catalogue, write_idx


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, in place of the user's; no mirrors."""
    for name in ("MINICNN_DATA", "MINICNN_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr(cache_module, "cache_directory", lambda: tmp_path / "cache")
    for name, data_set in catalogue.SETS.items():
        monkeypatch.setitem(catalogue.SETS, name, replace(data_set, mirrors=()))
    return tmp_path / "cache"


@pytest.fixture
def arrays():
    """What the four files of a tiny data set hold, by name."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (12, 6, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 12, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (4, 6, 5), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 4, dtype=np.uint8),
    }


@pytest.fixture
def directory(tmp_path, arrays):
    """A directory with the four gzip files of the tiny data set."""
    for name, array in arrays.items():
        write_idx(tmp_path / "files" / f"{name}.gz", array)
    return tmp_path / "files"


@pytest.fixture
def published(tmp_path, directory, arrays, monkeypatch):
    """The same directory; its contents are what MNIST should have."""
    files = []
    for file, array in zip(catalogue.SETS["mnist"].files, arrays.values()):
        write_idx(tmp_path / "raw", array)
        digest = hashlib.sha256((tmp_path / "raw").read_bytes()).hexdigest()
        files.append(replace(file, shape=array.shape, digest=f"sha256:{digest}"))
    monkeypatch.setitem(catalogue.SETS, "mnist", replace(catalogue.SETS["mnist"], files=tuple(files)))
    return directory
