"""5,000 of MNIST's training digits, to run without a network. README.md says where they come from."""

from importlib import resources
from typing import Any

from minicnn.data.classes import DIGITS
from minicnn.data.dataset import Dataset
from minicnn.data.idx import decode, decompress


def load_sample(reason: str | None = None) -> tuple[Dataset, Dataset]:
    """-> (train, test), two Datasets: 4,000 digits to train on and 1,000 others, each class 400 and 100 times.

    Both come from MNIST's training set and are few, so an error on them is not comparable with MNIST's.
    ``source`` says so; reason: why the sample is used, for the same line.
    """
    arrays = [[_read(f"{part}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]
              for part in ("train", "t10k")]  # fmt: skip
    total = sum(len(labels) for _, labels in arrays)
    because = f", because {reason}" if reason else ""
    source = f"the bundled sample of {total:,} digits{because}; an error on it is not comparable with MNIST's"
    about: dict[str, Any] = {"is_sample": True, "name": "MNIST's sample", "classes": DIGITS}
    train, test = (Dataset(images, labels, source, **about) for images, labels in arrays)
    return train, test


def _read(name):
    return decode(decompress(resources.files(__name__).joinpath(name).read_bytes(), name), name)
