"""IDX files: what is written is what is read, and every damaged file is named with what is wrong with it."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minicnn.data import read_idx, write_idx
from minicnn.errors import DataFileError

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(DTYPES).flatmap(lambda t: arrays(t, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))),
    st.sampled_from(["", ".gz"]),
)
def test_round_trip(tmp_path_factory, array, ending):
    path = tmp_path_factory.mktemp("idx") / f"array{ending}"
    write_idx(path, array)
    read = read_idx(path)
    assert read.dtype == array.dtype and read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    read[...] = 0  # it is the caller's to write to


@pytest.mark.parametrize(
    "array, contents",
    [
        (np.array([[1, 2, 3]], "uint8"), "00000802 00000001 00000003 010203"),
        (np.array([-1], "int8"), "00000901 00000001 ff"),
        (np.array([258], "int16"), "00000b01 00000001 0102"),
        (np.array([16909060], "int32"), "00000c01 00000001 01020304"),
        (np.array([1.0], "float32"), "00000d01 00000001 3f800000"),
        (np.array([1.0], "float64"), "00000e01 00000001 3ff0000000000000"),
        (np.array([258], ">i2"), "00000b01 00000001 0102"),
        (np.array(7, "uint8"), "00000800 07"),
    ],
    ids=str,
)
def test_bytes_on_the_disk(tmp_path, array, contents):
    write_idx(tmp_path / "a", array)
    assert (tmp_path / "a").read_bytes() == bytes.fromhex(contents)


def test_gzip_goes_by_the_name_when_writing_and_by_the_contents_when_reading(tmp_path):
    array = np.arange(200, dtype="uint8").reshape(10, 20)
    write_idx(tmp_path / "a.gz", array)
    write_idx(tmp_path / "a", array)
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == (tmp_path / "a").read_bytes()
    (tmp_path / "a").replace(tmp_path / "unpacked by a browser.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "unpacked by a browser.gz"), array)


def test_equal_arrays_give_equal_archives(tmp_path, monkeypatch):
    write_idx(tmp_path / "a.gz", np.arange(9, dtype="int32"))
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_idx(tmp_path / "another.gz", np.arange(9, dtype="int32"))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()


@pytest.mark.parametrize("dtype", ["int64", "uint16", "bool", "complex64", "U3"])
def test_element_types_that_idx_lacks(tmp_path, dtype):
    with pytest.raises(TypeError, match=rf"uint8, int8, int16, int32, float32, float64; got .*{dtype}"):
        write_idx(tmp_path / "a", np.zeros(3, dtype))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    def disk_full(descriptor):
        raise OSError("no space left on device")

    write_idx(tmp_path / "a.gz", np.ones(3, "uint8"))
    monkeypatch.setattr("os.fsync", disk_full)
    with pytest.raises(OSError, match="no space"):
        write_idx(tmp_path / "a.gz", np.zeros(3, "uint8"))
    assert read_idx(tmp_path / "a.gz").tolist() == [1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 1


def idx(code, *shape, elements=b""):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + elements


WHOLE = idx(8, 2, 3, elements=bytes(6))


@pytest.mark.parametrize(
    "contents, words",
    [
        (b"", "a is empty"),
        (gzip.compress(b""), "a is empty"),
        (b"\0\0\x08", "magic number must be .* begins with 00 00 08"),
        (b"PK\x03\x04 and more", "is no IDX file: its magic number must be .* begins with 50 4b 03 04"),
        (b"\0\1\x08\x01\0\0\0\0", "begins with 00 01 08 01"),
        (idx(0x0A, 1), "magic number"),
        (b"<!DOCTYPE html><html>", r"is a web page \(HTML\).*DOCTYPE"),
        (b"\n  <html>404</html>", r"is a web page \(HTML\)"),
        (gzip.compress(b"<html>"), r"is a web page \(HTML\)"),
        (b"\0\0\x08\x03\0\0\0\1", "truncated: its header should be 16 bytes, the file has 8"),
        (WHOLE[:-1], r"truncated: shape \(2, 3\) of uint8 needs 18 bytes, the file has 17"),
        (WHOLE + b"\0", r"too long: shape \(2, 3\) of uint8 needs 18 bytes, the file has 19"),
        (idx(0x0E, 2, elements=bytes(8)), r"truncated: shape \(2,\) of float64 needs 24 bytes, the file has 16"),
        (idx(8, *[2**32 - 1] * 3), "truncated: .* needs 79,228,162,458,924,105,385,300,197,391 bytes"),
        (idx(8, *[1] * 80, elements=b"\0"), "NumPy cannot hold"),
        (idx(8, 0, *[2**32 - 1] * 3), "NumPy cannot hold"),
        (gzip.compress(WHOLE)[:-9], "a is a damaged gzip file"),
        (gzip.compress(WHOLE)[:12] + bytes(9), "a is a damaged gzip file"),
        (gzip.compress(WHOLE) + b"trailing rubbish", "a is a damaged gzip file"),
        (b"\x1f\x8b", "a is a damaged gzip file"),
    ],
    ids=range(20),
)
def test_damaged_files(tmp_path, contents, words):
    (tmp_path / "a").write_bytes(contents)
    with pytest.raises(DataFileError, match=words) as info:
        read_idx(tmp_path / "a")
    assert str(tmp_path / "a") in str(info.value)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_happens_to_a_file_the_error_is_a_data_file_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    write_idx(path, np.arange(60, dtype="int16").reshape(3, 4, 5))
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(contents[: data.draw(st.integers(0, len(contents)))])
    try:
        assert read_idx(path).shape == (3, 4, 5)  # the change hit what gzip does not check
    except DataFileError as error:
        assert str(path) in str(error)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataFileError, match=r"none-such\.gz: there is no such file"):
        read_idx(tmp_path / "none-such.gz")
    with pytest.raises(DataFileError, match="cannot be read"):
        read_idx(tmp_path)


def test_an_archive_is_unpacked_only_as_far_as_its_header_says(tmp_path):
    """100 MB of zeros in 100 kB, of which the header wants 6."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(WHOLE + bytes(100_000_000), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match=r"too long: its header asks for 18 bytes, the archive holds more"):
            read_idx(tmp_path / "a.gz")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path, ending):
    contents = idx(8, 2**31, elements=bytes(100))
    (tmp_path / f"a{ending}").write_bytes(gzip.compress(contents) if ending else contents)
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match=r"truncated: shape \(2147483648,\) of uint8 needs 2,147,483,656 bytes"):
            read_idx(tmp_path / f"a{ending}")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in the file system")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataFileError, match="pipe cannot be read: is no regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.parametrize("path", [True, 0, None])
def test_what_is_no_path_is_not_opened(path):
    with pytest.raises(TypeError, match="path must be a path"):
        read_idx(path)
