"""The IDX file format: MNIST's, and any other array's.

    2 zero bytes | element type (1 byte) | number of dimensions (1 byte) | each size (4 bytes) | the elements

All numbers are big-endian; the last index varies fastest. Source: http://yann.lecun.com/exdb/mnist/.
"""

import contextlib
import gzip
import io
import math
import os
import struct
import zlib
from typing import Any

import numpy as np

from minicnn.errors import DataFileError
from minicnn.files import atomic_write, open_file
from minicnn.typing import Array, ArrayLike, FilePath

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"), 0x09: np.dtype(">i1"), 0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"), 0x0D: np.dtype(">f4"), 0x0E: np.dtype(">f8"),
}  # fmt: skip

GZIP_MAGIC = b"\x1f\x8b"

LONGEST_HEADER = 4 + 4 * 255
"""Bytes of an IDX file's header with as many dimensions as it can say."""

PIECE = 1 << 20
"""Bytes that are unpacked at once."""


def read_idx(path: FilePath) -> Array:
    """The array in an IDX file, raw or gzip, in this machine's byte order; it may be written to.

    Raises DataFileError, naming the file, for one that is missing, empty, damaged, of the wrong length, or no
    IDX file at all.
    """
    return decode(read_contents(path), path)


def write_idx(path: FilePath, array: ArrayLike) -> None:
    """Write ``array`` as an IDX file, gzip if ``path`` ends in .gz, whole or not at all.

    Equal arrays give equal files: the archive holds neither a name nor a time. Raises TypeError for a dtype
    that the format does not have.
    """
    array = np.asarray(array)
    code = next((code for code, dtype in ELEMENT_TYPES.items() if dtype == array.dtype.newbyteorder(">")), None)
    if code is None:
        names = ", ".join(dtype.newbyteorder("=").name for dtype in ELEMENT_TYPES.values())
        raise TypeError(f"array must be of one of IDX's element types, {names}; got {array.dtype}")
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    contents = header + array.astype(ELEMENT_TYPES[code]).tobytes()
    with atomic_write(path) as file:
        if str(path).endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as archive:
                archive.write(contents)
        else:
            file.write(contents)


def read_contents(path):
    """The bytes of a file, decompressed; DataFileError if they cannot be had."""
    with _opened(path) as file:
        return _contents(file, os.fstat(file.fileno()).st_size, path)


def read_bytes(path, most=None):
    """The bytes of a file as they are; DataFileError if they cannot be had, or are more than ``most``."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise DataFileError(f"{path} is too long: it has {size:,} bytes, at most {most:,} are allowed")
        return file.read()


def kind_of(path):
    """(dtype, shape) that the header of an IDX file, raw or gzip, says; words on what it is instead of one.

    No more than the header is read, so the file may still be damaged behind it.
    """
    try:
        with _opened(path) as file:
            start = file.read(LONGEST_HEADER)
            if start.startswith(GZIP_MAGIC):
                file.seek(0)
                with gzip.GzipFile(fileobj=file) as archive:
                    start = archive.read(LONGEST_HEADER)
    except (DataFileError, EOFError, OSError, zlib.error):
        return "cannot be read"
    if _expected_size(start) is None:
        return "no IDX file"
    return ELEMENT_TYPES[start[2]].newbyteorder("="), struct.unpack_from(f">{start[3]}I", start, 4)


@contextlib.contextmanager
def _opened(path):
    """The file, open; DataFileError, with its name, for what goes wrong with it in the block."""
    try:
        with open_file(path) as file:
            yield file
    except FileNotFoundError:
        raise DataFileError(f"{path}: there is no such file") from None
    except MemoryError:
        raise DataFileError(f"{path} is larger than this machine's memory") from None
    except OSError as error:
        raise DataFileError(f"{path} cannot be read: {error.strerror or error}") from error


def decompress(data, name, most=None):
    """``data``, unpacked if it is gzip: the contents tell, since browsers unpack files and keep the .gz.

    Raises DataFileError for a damaged archive, or one whose contents are more than ``most`` bytes or more than their
    own header says; ``name`` is what the message calls it. No more than that is ever unpacked, for a small archive can
    hold gigabytes; of what is no IDX file, the beginning.
    """
    return _contents(io.BytesIO(data), len(data), name, most)


def _contents(file, size, name, most=None):
    """``decompress`` of an open file of ``size`` bytes."""
    start = file.read(LONGEST_HEADER)
    if not start.startswith(GZIP_MAGIC):
        expected = _expected_size(start)
        if expected is not None and expected != size:
            raise _wrong_length(start, size, name)
        return start + file.read() if expected is not None else start
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as archive:
            return _unpacked(archive, name, most)
    except (EOFError, OSError, zlib.error) as error:
        raise DataFileError(f"{name} is a damaged gzip file ({error}); fetch it again") from error


def _unpacked(archive, name, most):
    contents = bytearray(archive.read(LONGEST_HEADER))
    expected = _expected_size(contents)
    if expected is None:
        return bytes(contents)
    if most is not None and expected > most:
        raise DataFileError(f"{name} is too long: its header asks for {expected:,} bytes, at most {most:,} are allowed")
    while more := archive.read(PIECE):  # piece by piece: the header may ask for more than there is
        contents += more
        if len(contents) > expected:
            raise DataFileError(f"{name} is too long: its header asks for {expected:,} bytes, the archive holds more")
    return bytes(contents)


def decode(contents, name):
    """The array that decompressed ``contents`` hold; DataFileError, calling them ``name``, if they hold none."""
    _check_magic(contents, name)
    code, dimensions = contents[2], contents[3]
    start, expected = 4 + 4 * dimensions, _expected_size(contents)
    if expected is None:
        raise DataFileError(f"{name} is truncated: its header should be {start} bytes, the file has {len(contents)}")
    shape, dtype = struct.unpack_from(f">{dimensions}I", contents, 4), ELEMENT_TYPES[code]
    if len(contents) != expected:
        raise _wrong_length(contents, len(contents), name)
    try:
        return np.ndarray(shape, dtype, contents, start).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more dimensions, or larger ones, than NumPy has
        raise DataFileError(f"{name} has shape {shape}, which NumPy cannot hold: {error}") from None


def _expected_size(contents):
    """The bytes of the whole file, by its header; None if that is no IDX header, or not a whole one."""
    if len(contents) < 4 or contents[:2] != b"\0\0" or contents[2] not in ELEMENT_TYPES:
        return None
    start = 4 + 4 * contents[3]
    if len(contents) < start:
        return None
    return start + ELEMENT_TYPES[contents[2]].itemsize * math.prod(struct.unpack_from(f">{contents[3]}I", contents, 4))


def _wrong_length(start, size, name):
    """The error of contents that begin with ``start`` and are ``size`` bytes long."""
    shape, expected = struct.unpack_from(f">{start[3]}I", start, 4), _expected_size(start)
    return DataFileError(
        f"{name} is {'truncated' if size < expected else 'too long'}: shape {shape} of "
        f"{ELEMENT_TYPES[start[2]].name} needs {expected:,} bytes, the file has {size:,}"
    )


def _check_magic(contents, name):
    if not contents:
        raise DataFileError(f"{name} is empty")
    if contents.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise DataFileError(
            f"{name} is a web page (HTML), no IDX file: the server sent a page instead of the data. "
            f"It begins with {contents[:40]!r}"
        )
    if len(contents) < 4 or contents[:2] != b"\0\0" or contents[2] not in ELEMENT_TYPES:
        codes = ", ".join(f"{code:02x}" for code in ELEMENT_TYPES)
        raise DataFileError(
            f"{name} is no IDX file: its magic number must be 00 00, an element type ({codes}), and the number of "
            f"dimensions; the file begins with {contents[:4].hex(' ')}"
        )
