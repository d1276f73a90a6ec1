"""Whole networks."""

from minicnn.models.lenet5 import lenet5
from minicnn.models.lenet_modern import lenet_modern
from minicnn.network.files import classes_of

__all__ = ["classes_of", "lenet5", "lenet_modern"]
