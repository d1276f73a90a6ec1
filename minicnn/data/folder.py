"""Data sets from folders of pictures: a folder a class."""

from pathlib import Path

import numpy as np

from minicnn.data.dataset import Dataset
from minicnn.data.download import printable
from minicnn.data.pictures import SUFFIXES, drawn, on_black, read_grey, ready
from minicnn.data.split import split
from minicnn.errors import DataFileError

CLUTTER = {"thumbs.db", "desktop.ini"}
"""What file managers leave behind."""


def from_folder(directory, origin, seed=0):
    """(train, test) from ``directory``: CLASS/PICTURE, or train/CLASS/PICTURE and test/CLASS/PICTURE.

    Classes are called as their folders, in alphabetical order, numbers by their value. Without a folder for the test a
    fifth of each class is kept for it, drawn by ``seed``. Pictures are turned into what MNIST might hold: where all are
    of 28x28 pixels they are taken as they are (with black and white exchanged where the edge is light), else what
    stands out from the paper is scaled and centred as on the drawing page (``pictures.read_picture``).

    Raises DataFileError for one class, a class without a picture, a file that is no picture, a picture of nothing.
    """
    folders = _folders(directory)
    halves = {folder.name.lower(): folder for folder in folders if folder.name.lower() in ("train", "test")}
    if len(halves) == 1:
        (name,) = halves
        other = {"train": "test", "test": "train"}[name]
        raise DataFileError(f"{directory} ({origin}) has a folder {name}/ but no {other}/: it must have both, with a "
                            "folder for each class, or neither")  # fmt: skip
    if halves and len(folders) > 2:
        others = ", ".join(printable(folder.name) for folder in folders if folder not in halves.values())
        raise DataFileError(f"{directory} ({origin}) must have no folder beside train/ and test/; it has {others}")
    parts = [halves["train"], halves["test"]] if halves else [directory]
    classes = _classes(parts[0], origin)
    if halves and (strange := [name for name in _classes(parts[1], origin) if name not in classes]):
        raise DataFileError(f"{parts[1]} has classes that {parts[0]} has not: {', '.join(map(printable, strange))}")
    paths, labels = zip(*[_pictures(part, classes) for part in parts])
    pictures = [[_read(path) for path in each] for each in paths]
    as_they_are = all(is_ready for each in pictures for _, is_ready in each)
    source = f"pictures by class from {directory} ({origin})"
    about = {"name": printable(directory.resolve().name) or "your images", "classes": list(map(printable, classes))}
    found = []
    for part in range(len(parts)):
        images = [on_black(picture) if as_they_are else drawn(picture, path) if is_ready else picture
                  for (picture, is_ready), path in zip(pictures[part], paths[part])]  # fmt: skip
        found.append(Dataset(np.stack(images), np.array(labels[part]), source, **about))
    return tuple(found) if len(found) == 2 else split(found[0], seed)


def _read(path):
    """(grey levels, True) of a picture that has MNIST's size, or else (what is drawn on it, False)."""
    grey = read_grey(path)
    return (grey, True) if ready(grey) else (drawn(grey, path), False)


def _folders(directory):
    return sorted(path for path in Path(directory).iterdir() if path.is_dir() and not path.name.startswith("."))


def _classes(part, origin):
    """The names of the folders in ``part``, at least two."""
    names = [folder.name for folder in _folders(part)]
    if len(names) < 2:
        found = f"one, {printable(names[0])}: there is nothing to tell apart" if names else "none"
        raise DataFileError(f"{part} ({origin}) must hold a folder of pictures for each class; it holds {found}")
    return sorted(names, key=lambda name: (int(name), name)) if all(map(str.isdecimal, names)) else names


def _pictures(part, classes):
    """(paths, labels) of all pictures in the folders of ``part``."""
    paths, labels = [], []
    for label, name in enumerate(classes):
        folder = part / name
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [path for path in found if not path.name.startswith(".") and path.name.lower() not in CLUTTER]
        for path in found:
            if not path.is_file() or path.suffix.lower() not in SUFFIXES:
                what = "a folder" if path.is_dir() else "no picture"
                raise DataFileError(f"{folder} must hold pictures ({', '.join(SUFFIXES)}) and nothing else; "
                                    f"{printable(path.name)} is {what}")  # fmt: skip
        if not found and folder.is_dir():
            raise DataFileError(f"{folder} holds no picture: a class must have one at least")
        paths += found
        labels += [label] * len(found)
    return paths, labels
