"""Published data sets on this machine: the user's cache, filled by downloads."""

import os
from pathlib import Path

from minicnn.data.dataset import Dataset
from minicnn.data.download import download, published, unpack
from minicnn.data.idx import read_bytes
from minicnn.errors import DataFileError
from minicnn.files import open_file

NO_HOME = "this user has no home directory for a cache"


def cache_directory() -> Path | None:
    """Where downloads are kept: the user's cache directory, by the custom of the operating system; None without one."""
    from pooch import os_cache  # here: pooch takes a while to import

    try:
        directory = os_cache("minicnn")
    except (RuntimeError, OSError, KeyError):  # as of Path.home() for a user without a name
        return None
    return directory if directory.is_absolute() else None


def obtain(data_set, progress=True):
    """-> (train, test), two Datasets, of a ``Published`` one from the cache, or else by a download into it.

    Raises DataFileError, with the reasons, where neither has it.
    """
    cache = cache_directory()
    directory = cache and cache / data_set.subfolder
    arrays, damaged = ({}, []) if cache is None else _cached(data_set, directory)
    how = f"from the cache {directory}"
    if lacking := [file.name for file in data_set.files if file.name not in arrays]:
        if os.environ.get("MINICNN_OFFLINE", "0") not in ("", "0"):
            why = damaged or [f"the cache {directory} lacks {', '.join(lacking)}" if cache else NO_HOME]
            raise DataFileError("; ".join([*why, "MINICNN_OFFLINE forbids a download"]))
        try:
            fetched, how = download(data_set, lacking, directory, progress)
        except DataFileError as error:
            raise DataFileError("; ".join([*damaged, f"the download failed ({error})"])) from None
        arrays.update(fetched)
    return datasets(data_set, [arrays[file.name] for file in data_set.files], f"{data_set.title}, {how}")


def datasets(data_set, arrays, source):
    """(train, test) from the arrays of a published data set's four files, in their order."""
    parts = []
    for images, labels in (arrays[:2], arrays[2:]):
        if data_set.transposed:
            images = images.swapaxes(1, 2).copy()
        if labels.ndim == 2:  # QMNIST's: the class and where the digit comes from
            labels = labels[:, 0]
        labels = labels.astype("int64") - data_set.first_label
        if not 0 <= labels.min() <= labels.max() < len(data_set.classes):
            found = f"{labels.min() + data_set.first_label}..{labels.max() + data_set.first_label}"
            raise DataFileError(f"the labels of {source} must lie in {data_set.first_label}.."
                                f"{data_set.first_label + len(data_set.classes) - 1}, they are {found}")  # fmt: skip
        parts.append(Dataset(images, labels, source, name=data_set.title, classes=data_set.classes))
    return tuple(parts)


def _cached(data_set, directory):
    """-> (arrays by name of the files that are the data set's beyond doubt, reasons why others are not)."""
    arrays, damaged = {}, []
    for file in data_set.files:
        for path in candidates(directory, file.name):
            try:
                arrays[file.name] = published(data_set, file, read_bytes(path, file.most), path.name)
                break
            except DataFileError as error:
                damaged.append(f"in the cache {directory}, {error}")
    archive = data_set.archive
    if len(arrays) < len(data_set.files) and archive and os.path.isfile(directory / archive.name):
        try:  # whoever has fetched it by other means has put it there
            with open_file(directory / archive.name) as file:
                arrays = unpack(data_set, file, directory)[0]
        except (DataFileError, OSError) as error:
            damaged.append(f"in the cache {directory}, {error}")
    return arrays, damaged


def candidates(directory, name):
    """The files that may be ``name``: raw or .gz, train-images-idx3-ubyte or train-images.idx3-ubyte."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (directory / spelling, directory / f"{spelling}.gz"):
            if os.path.isfile(path):  # unlike Path's, False where one may not look
                yield path
