"""Where the data come from: the order of sources, and what is wrong with a directory of the user's."""

import gzip
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import cache as cache_module
from minicnn.data import catalogue, load_mnist, read_idx, write_idx
from minicnn.errors import DataFileError

CACHE_DIRECTORY = cache_module.cache_directory


@pytest.fixture
def no_download(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(cache_module, "download", refuse)


def is_tiny(parts, arrays):
    """Whether both Datasets hold the tiny data set."""
    held = [array for part in parts for array in (part.images, part.labels)]
    return all(np.array_equal(a, b) for a, b in zip(held, arrays.values()))


# ------------------------------------------------------------------------------------------ the order of sources


def test_a_path_comes_first(published, arrays, monkeypatch, no_download):
    monkeypatch.setenv("MINICNN_DATA", "none-such")
    parts = load_mnist(published)
    assert is_tiny(parts, arrays) and not parts[0].is_sample
    assert parts[0].source == parts[1].source == f"MNIST, from {published} (the path given)"
    assert is_tiny(load_mnist(str(published)), arrays)


def test_then_the_variable(directory, arrays, cache, monkeypatch, no_download):
    cache.mkdir()
    monkeypatch.setenv("MINICNN_DATA", str(directory))
    parts = load_mnist()
    assert is_tiny(parts, arrays)
    assert f"other than MNIST's, from {directory} (the variable MINICNN_DATA)" in parts[0].source


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_then_the_cache(published, arrays, cache, no_download, ending):
    for name, array in arrays.items():
        write_idx(cache / f"{name}{ending}", array)
    parts = load_mnist()
    assert is_tiny(parts, arrays) and parts[0].source == f"MNIST, from the cache {cache}" and not parts[0].is_sample


def test_offline_the_sample_comes_next(cache, monkeypatch, no_download):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    train, test = load_mnist()
    assert (len(train), len(test)) == (4000, 1000) and train.is_sample
    assert f"the cache {cache} lacks train-images-idx3-ubyte" in train.source
    assert "MINICNN_OFFLINE forbids a download; an error on it is not comparable" in train.source


@pytest.mark.parametrize("value", ["", "0"])
def test_offline_may_be_switched_off(monkeypatch, value):
    monkeypatch.setenv("MINICNN_OFFLINE", value)
    assert "the download failed" in load_mnist()[0].source


def test_a_damaged_cache_is_not_trusted(published, arrays, cache, monkeypatch, no_download):
    for name, array in arrays.items():
        write_idx(cache / f"{name}.gz", array)
    changed = arrays["train-images-idx3-ubyte"].copy()
    changed[0, 0, 0] ^= 1
    write_idx(cache / "train-images-idx3-ubyte.gz", changed)
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    train, _ = load_mnist()
    assert train.is_sample
    assert f"in the cache {cache}, train-images-idx3-ubyte is not MNIST's: its SHA-256 is" in train.source


def test_a_good_file_beside_a_damaged_one_is_used(published, arrays, cache, no_download):
    for name, array in arrays.items():
        write_idx(cache / f"{name}.gz", array)
    (cache / "t10k-labels-idx1-ubyte").write_bytes(b"half a fi")
    assert is_tiny(load_mnist(), arrays)


def test_importing_minicnn_imports_no_downloader():
    code = "import sys, minicnn; print({'pooch', 'requests'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_cache_is_the_users(monkeypatch):
    monkeypatch.undo()  # of the fixture's replacement
    assert cache_module.cache_directory().name in ("minicnn", "Cache")


# ---------------------------------------------------------------------------------------- a directory of the user's


@pytest.mark.parametrize("dots", [True, False])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_names(tmp_path, arrays, dots, ending):
    for name, array in arrays.items():
        write_idx(tmp_path / "d" / f"{name.replace('-idx', '.idx') if dots else name}{ending}", array)
    assert is_tiny(load_mnist(tmp_path / "d"), arrays)


def test_a_home_directory(directory, arrays, monkeypatch):
    monkeypatch.setenv("HOME", str(directory.parent))
    monkeypatch.setenv("USERPROFILE", str(directory.parent))
    assert is_tiny(load_mnist("~/files"), arrays)


def test_a_directory_called_like_a_file_is_passed_over(directory, arrays):
    (directory / "train-images-idx3-ubyte").mkdir()  # some archives unpack so
    assert is_tiny(load_mnist(directory), arrays)


@pytest.mark.parametrize("how", ["path", "variable"])
def test_no_directory_is_an_error(tmp_path, monkeypatch, no_download, how):
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        monkeypatch.setenv("MINICNN_DATA", str(path))
        words = "the path given" if how == "path" else "the variable MINICNN_DATA"
        with pytest.raises(DataFileError, match=f"{words} must be a directory .*{path.name} is none"):
            load_mnist(path if how == "path" else None)


def test_the_missing_files_are_named(directory):
    (directory / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataFileError, match=r"files \(the path given\) has no train-labels-idx1-ubyte \(raw or .gz\)"):
        load_mnist(directory)
    (directory / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataFileError, match=r"has no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte \("):
        load_mnist(directory)


@pytest.mark.parametrize(
    "name, array, words",
    [
        ("train-labels-idx1-ubyte", np.zeros(11, "uint8"), "holds 12 images, .*train-labels.*gz 11 labels"),
        ("t10k-images-idx3-ubyte", np.zeros((5, 6, 5), "uint8"), "t10k-images.*holds 5 images, .* 4 labels"),
        ("t10k-labels-idx1-ubyte", np.zeros(4, "int32"), r"t10k-labels.*gz must hold labels \(N,\) of type uint8, it "
                                                         "holds int32"),
        ("t10k-labels-idx1-ubyte", np.zeros((4, 1), "uint8"), r"must hold labels \(N,\), it holds .* \(4, 1\)"),
        ("train-images-idx3-ubyte", np.zeros((12, 30), "uint8"), r"must hold images \(N, H, W\), .* \(12, 30\)"),
        ("train-images-idx3-ubyte", np.full((1, 2, 2), np.nan, "float32"), "uint8, it holds float32, 4 of them NaN"),
        ("train-images-idx3-ubyte", np.zeros((1, 2, 2), "float64"), "train-images.*uint8, it holds float64$"),
        ("train-images-idx3-ubyte", np.zeros((0, 6, 5), "uint8"), r"train-images.*gz .*\(0, 6, 5\) is empty"),
        ("t10k-labels-idx1-ubyte", np.zeros(0, "uint8"), r"t10k-labels.*gz .*\(0,\) is empty"),
        ("t10k-images-idx3-ubyte", np.zeros((4, 5, 6), "uint8"), r"images are \(6, 5\) pixels, test images \(5, 6\)"),
    ],
)  # fmt: skip
def test_files_that_do_not_go_together(directory, no_download, name, array, words):
    write_idx(directory / f"{name}.gz", array)
    with pytest.raises(DataFileError, match=words):
        load_mnist(directory)


@pytest.mark.parametrize(
    "contents, words",
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "is a web page"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\4\1\2"), "is truncated: .* needs 12 bytes, the file has 10"),
        (gzip.compress(bytes(99))[:-5], "is a damaged gzip file"),
        (b"\x7fELF", "is no IDX file"),
    ],
    ids=["empty", "a web page", "truncated", "damaged", "something else"],  # a gzip file holds the time it was made at
)
def test_damaged_files_are_errors_not_a_reason_to_take_other_data(directory, monkeypatch, no_download, contents, words):
    (directory / "t10k-labels-idx1-ubyte.gz").write_bytes(contents)
    monkeypatch.setenv("MINICNN_DATA", str(directory))
    with pytest.raises(DataFileError, match=rf"t10k-labels-idx1-ubyte.gz {words}"):
        load_mnist()


def test_the_four_names_and_sums_are_whole():
    digests = [file.digest.removeprefix("sha256:") for file in catalogue.MNIST.files]
    assert len(digests) == 4 and all(len(bytes.fromhex(digest)) == 32 for digest in digests)
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in catalogue.MNIST.mirrors)


def test_the_bundled_sample_is_itself_such_a_directory(tmp_path):
    with resources.as_file(resources.files("minicnn.data.sample")) as path:
        train, _ = load_mnist(path)
        assert np.array_equal(train.images, read_idx(path / "train-images-idx3-ubyte.gz"))
    assert "other than MNIST's" in train.source


def test_a_user_whom_the_system_does_not_know_has_no_cache(monkeypatch):
    monkeypatch.setattr(cache_module, "cache_directory", CACHE_DIRECTORY)
    def no_home(name):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("pooch.os_cache", no_home)
    assert cache_module.cache_directory() is None
    monkeypatch.setattr("pooch.os_cache", lambda name: Path("~/.cache/minicnn"))  # what cannot be expanded
    assert cache_module.cache_directory() is None
