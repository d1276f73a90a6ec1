"""Any data set: by its name, from a directory of the user's, or MNIST."""

import difflib
import os
from pathlib import Path

from minicnn.data import cache
from minicnn.data.catalogue import SETS
from minicnn.data.dataset import Dataset
from minicnn.data.files import from_idx_files, listing
from minicnn.data.folder import from_folder
from minicnn.data.idx import kind_of
from minicnn.data.mnist import from_mnists_files, load_mnist, mnist_or_sample
from minicnn.data.pictures import SUFFIXES
from minicnn.errors import DataFileError
from minicnn.typing import FilePath


def load(name_or_path: FilePath | None = None, *, seed: int = 0, progress: bool = True) -> tuple[Dataset, Dataset]:
    """-> (train, test), two Datasets, which know their name, their classes and where they come from.

    name_or_path: one of the names in ``data.NAMES``, from the user's cache or by a download into it, with a bar on
    stderr if ``progress``; or a directory: of IDX files (``data.files``), or of pictures in a folder a class
    (``data.folder``). "./mnist" is a directory, "mnist" the data set. Without any: what the variable MINICNN_DATA
    names, or else MNIST or its bundled sample, as of ``load_mnist``. seed: of the split, where a directory has no test
    part.

    Raises DataFileError where a directory does not hold what it must, or a data set other than MNIST can neither be
    found nor fetched.
    """
    origin = "the path given"
    if name_or_path is None:
        origin, name_or_path = "the variable MINICNN_DATA", os.environ.get("MINICNN_DATA")
        if not name_or_path:
            return load_mnist(progress=progress)
    if str(name_or_path) == "mnist":
        return mnist_or_sample(progress)
    if str(name_or_path) in SETS:
        return _named(SETS[str(name_or_path)], progress)
    directory = Path(os.path.expanduser(name_or_path))
    if not os.path.isdir(directory):
        near = difflib.get_close_matches(str(name_or_path).lower(), SETS, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise DataFileError(f"{origin} must be a data set's name ({', '.join(SETS)}) or a directory; "
                            f"{name_or_path} is neither{meant}")  # fmt: skip
    try:
        return _directory(directory, origin, seed)
    except OSError as error:
        raise DataFileError(f"{error.filename or directory} cannot be read: {error.strerror or error}") from error


def _named(data_set, progress):
    try:
        return cache.obtain(data_set, progress)
    except DataFileError as error:
        files = [data_set.archive.name] if data_set.archive else [f"{file.name}.gz" for file in data_set.files]
        directory = cache.cache_directory()
        where = f"put {', '.join(files)} into {directory / data_set.subfolder}, or " if directory else ""
        raise DataFileError(f"{data_set.title} is not here: {error}. To go on, {where}give a directory that holds its "
                            f"files; they are published at {data_set.mirrors[0]}") from None  # fmt: skip


def _directory(directory, origin, seed):
    """IDX files or folders of pictures, whichever there is; both is an error."""
    if any(next(cache.candidates(directory, file.name), None) for file in SETS["mnist"].files):
        return from_mnists_files(directory, origin)
    files, folders = _contents(directory)
    kinds = {path: kind_of(path) for path in files}
    has_idx = not all(isinstance(kind, str) for kind in kinds.values())
    with_pictures = [folder for folder in folders if _holds_pictures(folder)]
    if has_idx and with_pictures:
        raise DataFileError(f"{directory} ({origin}) must hold IDX files or folders of pictures; it holds both, as "
                            f"{with_pictures[0].name}/")  # fmt: skip
    if has_idx:
        return from_idx_files(directory, origin, seed)
    if with_pictures:
        return from_folder(directory, origin, seed)
    inside = f", and the folders {', '.join(f.name for f in folders[:12])}, without pictures" if folders else ""
    deeper = [folder for folder in [*folders, *(f for each in folders for f in _contents(each)[1])]
              if any(not isinstance(kind_of(path), str) for path in _contents(folder)[0])]  # fmt: skip
    hint = f"; there are IDX files in {deeper[0]}: give that directory" if deeper else ""
    raise DataFileError(f"{directory} ({origin}) must hold IDX files, or a folder of pictures for each class; it holds "
                        f"{listing(kinds)}{inside}{hint}")  # fmt: skip


def _contents(directory):
    """(files, folders) in a directory, in alphabetical order, hidden ones left out."""
    paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    return [path for path in paths if path.is_file()], [path for path in paths if path.is_dir()]


def _holds_pictures(folder):
    """Whether there are pictures in a folder, or in those of a train/ or test/."""
    files, folders = _contents(folder)
    if any(path.suffix.lower() in SUFFIXES for path in files):
        return True
    return folder.name.lower() in ("train", "test") and any(_holds_pictures(each) for each in folders)
