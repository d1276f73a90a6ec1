"""Data: data sets by name, from files and from pictures, batches, and what turns bytes into a network's input."""

from minicnn.data.batches import batch_indices
from minicnn.data.cache import cache_directory
from minicnn.data.catalogue import SETS
from minicnn.data.dataset import Dataset
from minicnn.data.distortions import Distortion
from minicnn.data.idx import read_idx, write_idx
from minicnn.data.load import load
from minicnn.data.mnist import load_mnist
from minicnn.data.pictures import read_picture
from minicnn.data.sample import load_sample
from minicnn.data.transforms import LENET5_1998, UNIT, Pixels

NAMES = tuple(SETS)
"""The data sets that ``load`` knows by name."""

__all__ = [
    "Dataset", "Distortion", "LENET5_1998", "NAMES", "Pixels", "UNIT", "batch_indices", "cache_directory", "load",
    "load_mnist", "load_sample", "read_idx", "read_picture", "write_idx",
]  # fmt: skip
