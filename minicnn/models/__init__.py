"""Whole networks."""

from minicnn.models.lenet5 import lenet5
from minicnn.models.lenet_modern import lenet_modern

__all__ = ["lenet5", "lenet_modern"]
