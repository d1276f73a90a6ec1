"""The exercises, in the order of the lecture: for each, cases, what the engine makes of them, and known mistakes."""

from minicnn.exercises.catalogue.branches import BRANCH, RESIDUAL
from minicnn.exercises.catalogue.bugs import BUGS
from minicnn.exercises.catalogue.choices import CHOICES
from minicnn.exercises.catalogue.columns import COL2IM, IM2COL
from minicnn.exercises.catalogue.convolution import CONVOLUTION
from minicnn.exercises.catalogue.criterion import CRITERION
from minicnn.exercises.catalogue.differences import GRADIENT_CHECK
from minicnn.exercises.catalogue.kernel import KERNEL
from minicnn.exercises.catalogue.linear import LINEAR
from minicnn.exercises.catalogue.momentum import MOMENTUM
from minicnn.exercises.catalogue.normalisation import BATCHNORM
from minicnn.exercises.catalogue.rbf import RBF_UNITS
from minicnn.exercises.catalogue.second import SECOND_DERIVATIVE
from minicnn.exercises.catalogue.softmax import SOFTMAX
from minicnn.exercises.catalogue.squash import SQUASH
from minicnn.exercises.catalogue.subsampling import SUBSAMPLING
from minicnn.exercises.catalogue.training import TRAINING

EXERCISES = (
    LINEAR, SQUASH, IM2COL, COL2IM, CONVOLUTION, SUBSAMPLING, RBF_UNITS, CRITERION, MOMENTUM, SECOND_DERIVATIVE,
    GRADIENT_CHECK, CHOICES, SOFTMAX, BRANCH, RESIDUAL, BATCHNORM, TRAINING, KERNEL, BUGS,
)  # fmt: skip

__all__ = ["EXERCISES"]
