"""IDX files, raw and gzip, with bits turned over, ends missing, headers that lie: a DataFileError, or what was written.

A raw file has no checksum: there a damaged pixel is read as it is, and only shape and type must be right.
"""

import gzip

import numpy as np
from damaged_checkpoints import BYTES
from tally import Tally

from minicnn.data import read_idx, write_idx
from minicnn.errors import DataFileError

ARRAYS = [np.arange(60, dtype="uint8").reshape(3, 4, 5), np.arange(7, dtype="uint8"), np.ones((2, 3)),
          np.array(3, "i4"), np.arange(24, dtype="int16").reshape(4, 6), np.zeros((0, 28, 28), "uint8")]  # fmt: skip


def lie(rng, data):
    """Another size in the header, or another number of dimensions."""
    data[3 + rng.integers(min(13, len(data) - 3))] = rng.integers(256)


def run(rng, trials, folder):
    """Damage IDX files so many times, each time anew -> Tally."""
    tally = Tally("IDX file, damaged", about={"refused": 0})
    originals = []
    for i, array in enumerate(ARRAYS):
        for ending in ("", ".gz"):
            write_idx(folder / f"{i}{ending}", array)
            originals.append((array, ending, (folder / f"{i}{ending}").read_bytes()))
    path = folder / "damaged"
    for _ in range(trials):
        tally.trials += 1
        array, ending, whole = originals[rng.integers(len(originals))]
        data = bytearray(whole)
        if rng.random() < 0.2:
            data = bytearray(gzip.decompress(whole) if ending else whole)
            lie(rng, data)
            data = bytearray(gzip.compress(data)) if ending else data
            checked = False
        else:
            for _ in range(rng.integers(1, 4)):
                if data:
                    BYTES[rng.integers(len(BYTES))](rng, data)
            checked = bool(ending) and data[:2] == b"\x1f\x8b"
        path.write_bytes(data)
        try:
            read = read_idx(path)
        except DataFileError as error:
            tally.about["refused"] += 1
            if str(path) not in str(error):
                tally.note("wrong", f"the error does not name the file: {error}")
        except Exception as error:
            tally.note("foreign", repr(bytes(data[:60])), error)
        else:
            if checked and not (read.dtype == array.dtype and np.array_equal(read, array)):
                tally.note("wrong", f"read as something else: {bytes(data[:60])!r}")
    return tally
