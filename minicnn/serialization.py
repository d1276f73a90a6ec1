"""Named arrays and a few facts about them in one .npz file, without pickle.

An .npz file is a zip archive of .npy files, and a .npy file a short header before an array's bytes:

    \\x93NUMPY | version (2 bytes) | length of the header (2 bytes) | the header | the elements
    {'descr': '<f4', 'fortran_order': False, 'shape': (6, 1, 5, 5), }

NumPy writes it. Reading is done here, with what ``save_npz`` writes in mind and nothing else: members that are not
compressed, so that no array is larger than the file that it comes from; headers of this very form, of numbers or text;
each array's name, type and shape known before the first of its elements is read. Nothing in a file is ever executed.
"""

import json
import math
import os
import re
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write, open_file
from minicnn.foreign_files import foreign

FORMAT = "minicnn-2"
READABLE = ("minicnn-1", FORMAT)
"""Versions 0.1 and 0.2 wrote minicnn-1: their checkpoints may lack what ``minicnn.training.schema`` asks of others."""

FACTS = "__facts__"

MOST_FACTS = 1 << 26
"""Bytes of text that facts may have: 64 MiB, many thousands of epochs."""

HEADER = re.compile(
    r"\{'descr': '([<>|=]?[a-zA-Z]\d{1,9})', 'fortran_order': (False|True), "
    r"'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n"
)
"""A .npy header, of at most 65,535 bytes as its length is written."""

DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OverflowError, EOFError, OSError,
           KeyError, struct.error)  # fmt: skip
"""What zipfile raises of a damaged archive: of its directory, a method or version that it does not know, a password
that it needs, a name that is no text, a place beyond the file, a checksum."""


def save_npz(path, arrays, facts):
    """Write a mapping of NumPy arrays and a JSON-able mapping ``facts`` to ``path``, whole or not at all."""
    document = json.dumps({"format": FORMAT, **facts})
    with atomic_write(path) as file:
        np.savez(file, **{FACTS: np.array(document)}, **arrays)


def load_npz(path, check=None):
    """-> (arrays, facts) of a file that ``save_npz`` wrote; CheckpointError says what is wrong with any other.

    check: ``check(kinds, facts)``, called before the first array is read with {name: (dtype, shape)}; it raises
    CheckpointError for a file that is not what it should be, with words that go on from the file's name.
    """
    try:
        with open_file(path) as file:
            if words := foreign(path, file):
                raise CheckpointError(words)
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            members = _members(archive, os.fstat(file.fileno()).st_size)
            if FACTS not in members:
                raise CheckpointError("is an .npz file, but not one that minicnn wrote")
            facts = _facts(archive, members.pop(FACTS))
            kinds = {name: member.kind for name, member in members.items()}
            if check is not None:
                check(kinds, facts)
            return {name: member.array(archive) for name, member in members.items()}, facts
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except MemoryError:
        raise CheckpointError(f"{path} cannot be read: it is larger than this machine's memory") from None
    except DAMAGED as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {_words(error)}") from error


class _Member:
    """A .npy file in the archive: its header, and where its elements begin."""

    def __init__(self, archive, info):
        with archive.open(info) as file:
            start = file.read(10)
            if start[:8] != b"\x93NUMPY\x01\x00":
                raise ValueError(f"{info.filename} is no .npy file of version 1.0")
            header = file.read(struct.unpack("<H", start[8:])[0])
        found = HEADER.fullmatch(header.decode("latin-1"))
        if found is None:
            raise ValueError(f"{info.filename} has another header than NumPy writes of numbers or text")
        self.info, self.start, self.order = info, 10 + len(header), "F" if found[2] == "True" else "C"
        try:
            self.dtype = np.dtype(found[1])
        except TypeError:
            raise ValueError(f"{info.filename} is of a type that NumPy does not have, {found[1]}") from None
        self.shape = tuple(int(size) for size in found[3].split(",") if size.strip())
        if self.dtype.hasobject or self.start + self.dtype.itemsize * math.prod(self.shape) != info.file_size:
            raise ValueError(f"{info.filename} is not as long as an array of {self.dtype} and shape {self.shape} is")

    @property
    def kind(self):
        return self.dtype, self.shape

    def bytes(self, archive):
        with archive.open(self.info) as file:
            contents = file.read()  # to its end, where zipfile compares the checksum
        return memoryview(contents)[self.start :]

    def array(self, archive):
        elements = np.frombuffer(self.bytes(archive), self.dtype) if math.prod(self.shape) else np.empty(0, self.dtype)
        return elements.reshape(self.shape, order=self.order).astype(self.dtype.newbyteorder("="))


def _members(archive, size):
    """{name: _Member} of the archive; no more bytes than the file itself has, whatever its directory says."""
    infos = archive.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size for info in infos):
        raise ValueError("its arrays are compressed, which minicnn's are not: a small file might hold any amount")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its arrays claim to be larger than the whole file")
    members = {info.filename.removesuffix(".npy"): _Member(archive, info) for info in infos}
    if len(members) < len(infos):
        raise ValueError("two of its arrays have the same name")
    return members


def _facts(archive, member):
    """The mapping that the text in the member stands for."""
    dtype, shape = member.kind
    if dtype.kind != "U" or shape != () or dtype.itemsize > 4 * MOST_FACTS:
        raise CheckpointError("is an .npz file, but not one that minicnn wrote: its facts are no text")
    text = str(member.bytes(archive), "utf-32-be" if dtype.str[0] == ">" else "utf-32-le")
    try:
        facts = json.loads(text.rstrip("\0"))
    except RecursionError:
        raise CheckpointError("holds facts that are nested too deeply") from None
    if not isinstance(facts, Mapping) or facts.get("format") not in READABLE:
        raise CheckpointError(f"is of another format than {' and '.join(READABLE)}")
    return facts


def _words(error):
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def network_part(arrays, part="network"):
    """Of a training checkpoint's arrays, the network's, or those of another part, by parameter name."""
    return {name.removeprefix(f"{part}/"): a for name, a in arrays.items() if name.startswith(f"{part}/")}
