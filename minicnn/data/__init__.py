"""Data: IDX files, MNIST and its bundled sample, batches, and what turns bytes into a network's input."""

from minicnn.data.batches import batch_indices
from minicnn.data.dataset import Dataset
from minicnn.data.distortions import Distortion
from minicnn.data.idx import read_idx, write_idx
from minicnn.data.mnist import cache_directory, load_mnist
from minicnn.data.sample import load_sample
from minicnn.data.transforms import LENET5_1998, UNIT, Pixels

__all__ = [
    "Dataset", "Distortion", "LENET5_1998", "Pixels", "UNIT", "batch_indices", "cache_directory", "load_mnist",
    "load_sample", "read_idx", "write_idx",
]  # fmt: skip
