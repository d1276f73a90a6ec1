"""Data sets from IDX files of the user's own, called as MNIST's or in any way that says what goes with what."""

import os
import re

import numpy as np

from minicnn.data.cache import datasets
from minicnn.data.catalogue import MNIST, SETS
from minicnn.data.classes import unnamed
from minicnn.data.dataset import Dataset, element_words
from minicnn.data.download import printable, published
from minicnn.data.idx import decode, decompress, kind_of, read_bytes
from minicnn.data.split import split
from minicnn.errors import DataFileError

PARTS = {"train": r"train", "test": r"test|t10k"}
"""What the name of a file says about the part that it belongs to."""

QMNIST_COLUMNS = 8


def from_idx_files(directory, origin, seed=0):
    """(train, test) from a directory of IDX files, raw or .gz, under any names that pair.

    A part is a file of images, uint8 (N, H, W), and a file of as many labels, uint8 (N,). "train" in their names makes
    them the training part, "test" or "t10k" the other; a single pair whose names say neither is split. Files that are
    no IDX files, and the packed one of two that are otherwise called the same, are passed over. Files that are called
    as those of a published data set, or are MNIST's or Fashion-MNIST's by their digests, are taken for it: EMNIST's
    images are turned upright.

    Raises DataFileError, which lists what is there, where more or less than one pair a part is found.
    """
    paths = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    kinds = {path: kind_of(path) for path in paths}
    idx = {path: kind for path, kind in kinds.items() if not isinstance(kind, str) and not _has_twin(path, paths)}
    parts = {name: [path for path in idx if _part(path) == name] for name in (*PARTS, None)}
    if len(parts[None]) == len(idx):
        pairs = [_pair(parts[None], idx)]
    else:
        pairs = [_pair(parts[name], idx) for name in PARTS]
        pairs += [None] * bool(parts[None])
    if None in pairs:
        raise DataFileError(
            f"{directory} ({origin}) must hold a file of images (N, H, W) and one of as many labels (N,), both uint8, "
            "with train in their names and again with test or t10k, or one pair with neither; it holds "
            f"{listing(kinds)}"
        )
    return given([path for pair in pairs for path in pair], directory, origin, seed)


def given(paths, directory, origin, seed=0):
    """(train, test) from the files of both parts, images and labels of each, or of one part, which is split."""
    data = [read_bytes(path) for path in paths]
    contents = [decompress(raw, path) for raw, path in zip(data, paths)]
    if (data_set := _recognised(paths, data, contents)) is not None:
        arrays = [decode(each, path) for each, path in zip(contents, paths)]
        return datasets(data_set, arrays, f"{data_set.title}, from {directory} ({origin})")
    what = "data in MNIST's format, but other than MNIST's" if _names(paths) == _names(MNIST.files) else "IDX files"
    source, parts = f"{what}, from {directory} ({origin})", []
    for i in range(0, len(paths), 2):
        images = _checked(contents[i], paths[i], "images (N, H, W)", 3)
        labels = _checked(contents[i + 1], paths[i + 1], "labels (N,)", 1)
        if len(images) != len(labels):
            raise DataFileError(
                f"{paths[i]} holds {len(images):,} images, {paths[i + 1]} {len(labels):,} labels: "
                "they must be as many"
            )
        parts.append((images, labels))
    sizes = [images.shape[1:] for images, _ in parts]
    if sizes[0] != sizes[-1]:
        raise DataFileError(
            f"training images are {sizes[0]} pixels, test images {sizes[1]}: the files of {source} must be alike"
        )
    about = {"name": printable(directory.resolve().name) or "your images",
             "classes": unnamed(np.concatenate([labels for _, labels in parts]))}  # fmt: skip
    found = [Dataset(*part, source, **about) for part in parts]
    return tuple(found) if len(found) == 2 else split(found[0], seed)


def listing(kinds):
    """What is there, in words: {path: kind of}."""
    texts = []
    for path, kind in kinds.items():
        if not isinstance(kind, str):
            dtype, shape = kind
            kind = f"{dtype} {shape}"
        texts.append(f"{printable(path.name)}: {kind}")
    shown = texts[:12] + [f"and {len(texts) - 12:,} more"] * (len(texts) > 12)
    return "; ".join(shown) or "no file"


def _has_twin(path, paths):
    return path.suffix == ".gz" and path.with_suffix("") in paths


def _part(path):
    """The part whose words the name of a file holds; None for neither or both."""
    found = [part for part, words in PARTS.items() if re.search(words, path.name, re.IGNORECASE)]
    return found[0] if len(found) == 1 else None


def _pair(paths, kinds):
    """(images, labels) if there is one of each and they are as many; else None."""
    images = [path for path in paths if len(kinds[path][1]) == 3]
    labels = [path for path in paths if len(kinds[path][1]) == 1 or kinds[path][1][1:] == (QMNIST_COLUMNS,)]
    if not len(images) == len(labels) == 1 or len(paths) != 2:
        return None
    alike = kinds[images[0]][1][0] == kinds[labels[0]][1][0]
    return (images[0], labels[0]) if alike else None


def _names(files):
    return [os.path.basename(file.name).removesuffix(".gz").replace(".idx", "-idx") for file in files]


def _recognised(paths, data, contents):
    """The published data set that these files are: by their names, or where several sets have those by all digests."""
    for data_set in SETS.values():
        if _names(paths) != _names(data_set.files):
            continue
        if _names(paths) != _names(MNIST.files):
            return data_set
        try:
            for file, raw, unpacked, path in reversed(list(zip(data_set.files, data, contents, paths))):  # small first
                published(data_set, file, raw if file.archived else unpacked, path)
            return data_set
        except DataFileError:
            continue
    return None


def _checked(contents, path, what, dimensions):
    array = decode(contents, path)
    if array.dtype != np.uint8:
        raise DataFileError(f"{path} must hold {what} of type uint8, it holds {element_words(array)}")
    if array.ndim != dimensions:
        raise DataFileError(f"{path} must hold {what}, it holds an array of shape {array.shape}")
    if not array.size:
        raise DataFileError(f"{path} must hold {what}, its array of shape {array.shape} is empty")
    return array
