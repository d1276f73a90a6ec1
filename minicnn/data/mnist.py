"""MNIST, from the nearest place that has it."""

import hashlib
import os
from pathlib import Path

import numpy as np

from minicnn.data.dataset import Dataset, element_words
from minicnn.data.download import FILES, download, published
from minicnn.data.idx import decode, read_contents
from minicnn.data.sample import load_sample
from minicnn.errors import DataFileError


def load_mnist(path=None, *, progress=True):
    """-> (train, test), two Datasets, whose ``source`` says in one line where they come from and why.

    The first of these that there is:

    1. the directory ``path``, then the one that the variable MINICNN_DATA names. It holds the four IDX files,
       raw or .gz, of MNIST or of any data set of that form (Fashion-MNIST); what is missing or damaged there
       is an error, never a reason to take other data;
    2. the user's cache, if all four files have MNIST's SHA-256;
    3. a download into the cache (not if MINICNN_OFFLINE is 1), with a bar on stderr if ``progress``;
    4. the bundled sample, ``is_sample``: an error on it is not comparable with MNIST's.

    Raises DataFileError, naming the file, for 1.
    """
    if path is not None:
        return _given(path, "the path given")
    if variable := os.environ.get("MINICNN_DATA"):
        return _given(variable, "the variable MINICNN_DATA")
    cache = cache_directory()
    contents, damaged = _cached(cache) if cache is not None else ({}, [])
    how = f"from the cache {cache}"
    if lacking := [name for name in FILES if name not in contents]:
        if os.environ.get("MINICNN_OFFLINE", "0") not in ("", "0"):
            why = damaged or [f"the cache {cache} lacks {', '.join(lacking)}" if cache else NO_HOME]
            return load_sample("; ".join([*why, "MINICNN_OFFLINE forbids a download"]))
        try:
            fetched, how = download(lacking, cache, progress)
        except DataFileError as error:
            return load_sample("; ".join([*damaged, f"the download failed ({error})"]))
        contents.update(fetched)
    return _datasets({name: (cache or Path()) / name for name in FILES}, contents, f"MNIST, {how}")


NO_HOME = "this user has no home directory for a cache"


def cache_directory():
    """Where downloads are kept: the user's cache directory, by the custom of the operating system; None without one."""
    from pooch import os_cache  # here: pooch takes a while to import

    try:
        directory = os_cache("minicnn")
    except (RuntimeError, OSError, KeyError):  # as of Path.home() for a user without a name
        return None
    return directory if directory.is_absolute() else None


def _given(path, origin):
    """Both Datasets from a directory of the user's."""
    directory = Path(os.path.expanduser(path))
    if not os.path.isdir(directory):
        raise DataFileError(f"{origin} must be a directory with MNIST's four files; {directory} is none")
    paths = {name: next(_candidates(directory, name), None) for name in FILES}
    if missing := [name for name, found in paths.items() if found is None]:
        raise DataFileError(
            f"{directory} ({origin}) has no {', no '.join(missing)} (raw or .gz); it must hold {', '.join(FILES)}"
        )
    contents = {name: read_contents(found) for name, found in paths.items()}
    is_mnist = all(hashlib.sha256(contents[name]).hexdigest() == digest for name, digest in FILES.items())
    what = "MNIST" if is_mnist else "data in MNIST's format, but other than MNIST's"
    return _datasets(paths, contents, f"{what}, from {directory} ({origin})")


def _candidates(directory, name):
    """The files that may be ``name``: raw or .gz, train-images-idx3-ubyte or train-images.idx3-ubyte."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (directory / spelling, directory / f"{spelling}.gz"):
            if os.path.isfile(path):  # unlike Path's, False where one may not look
                yield path


def _cached(cache):
    """-> (contents by name of the files that are MNIST's beyond doubt, reasons why others are not)."""
    contents, damaged = {}, []
    for name in FILES:
        for path in _candidates(cache, name):
            try:
                contents[name] = published(read_contents(path), name)
                break
            except DataFileError as error:
                damaged.append(f"in the cache {cache}, {error}")
    return contents, damaged


def _datasets(paths, contents, source):
    """(train, test) from the files' contents; DataFileError, by their paths, where they don't go together."""
    parts = []
    for part in ("train", "t10k"):
        images_name, labels_name = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        images = _checked(contents[images_name], paths[images_name], "images (N, H, W)", 3)
        labels = _checked(contents[labels_name], paths[labels_name], "labels (N,)", 1)
        if len(images) != len(labels):
            raise DataFileError(
                f"{paths[images_name]} holds {len(images):,} images, {paths[labels_name]} {len(labels):,} labels: "
                "they must be as many"
            )
        parts.append(Dataset(images, labels, source))
    train, test = parts
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataFileError(
            f"training images are {train.images.shape[1:]} pixels, test images {test.images.shape[1:]}: "
            f"the files of {source} must be alike"
        )
    return train, test


def _checked(contents, path, what, dimensions):
    array = decode(contents, path)
    if array.dtype != np.uint8:
        raise DataFileError(f"{path} must hold {what} of type uint8, it holds {element_words(array)}")
    if array.ndim != dimensions:
        raise DataFileError(f"{path} must hold {what}, it holds an array of shape {array.shape}")
    if not array.size:
        raise DataFileError(f"{path} must hold {what}, its array of shape {array.shape} is empty")
    return array
