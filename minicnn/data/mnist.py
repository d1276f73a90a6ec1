"""MNIST, from the nearest place that has it."""

import os
from pathlib import Path

from minicnn.data import cache
from minicnn.data.catalogue import SETS
from minicnn.data.dataset import Dataset
from minicnn.data.files import given
from minicnn.data.sample import load_sample
from minicnn.errors import DataFileError
from minicnn.typing import FilePath


def load_mnist(path: FilePath | None = None, *, progress: bool = True) -> tuple[Dataset, Dataset]:
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
        return from_mnists_files(path, "the path given")
    if variable := os.environ.get("MINICNN_DATA"):
        return from_mnists_files(variable, "the variable MINICNN_DATA")
    return mnist_or_sample(progress)


def mnist_or_sample(progress=True):
    """MNIST from the cache or a download, or else the bundled sample, which says why."""
    try:
        return cache.obtain(SETS["mnist"], progress)
    except DataFileError as error:
        return load_sample(str(error))


def from_mnists_files(path, origin):
    """Both Datasets from a directory of the user's with files that are called as MNIST's."""
    directory = Path(os.path.expanduser(path))
    if not os.path.isdir(directory):
        raise DataFileError(f"{origin} must be a directory with MNIST's four files; {directory} is none")
    names = [file.name for file in SETS["mnist"].files]
    paths = [next(cache.candidates(directory, name), None) for name in names]
    if missing := [name for name, found in zip(names, paths) if found is None]:
        raise DataFileError(
            f"{directory} ({origin}) has no {', no '.join(missing)} (raw or .gz); it must hold {', '.join(names)}"
        )
    return given(paths, directory, origin)
