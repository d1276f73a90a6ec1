"""The exercises, in the order of the lecture: for each, cases, what the engine makes of them, and known mistakes."""

from minicnn.exercises.catalogue.columns import COL2IM, IM2COL
from minicnn.exercises.catalogue.convolution import CONVOLUTION
from minicnn.exercises.catalogue.criterion import CRITERION
from minicnn.exercises.catalogue.linear import LINEAR
from minicnn.exercises.catalogue.momentum import MOMENTUM
from minicnn.exercises.catalogue.rbf import RBF_UNITS
from minicnn.exercises.catalogue.second import SECOND_DERIVATIVE
from minicnn.exercises.catalogue.squash import SQUASH
from minicnn.exercises.catalogue.subsampling import SUBSAMPLING

EXERCISES = (
    LINEAR, SQUASH, IM2COL, COL2IM, CONVOLUTION, SUBSAMPLING, RBF_UNITS, CRITERION, MOMENTUM, SECOND_DERIVATIVE,
)  # fmt: skip

__all__ = ["EXERCISES"]
