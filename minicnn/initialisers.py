"""How weights start: functions ``(rng, shape, fan_in) -> float64 array``, fan_in the inputs of one unit."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minicnn.typing import Array, Shape

Initialiser: TypeAlias = Callable[[np.random.Generator, Shape, int], Array]


def lecun1998(rng: np.random.Generator, shape: Shape, fan_in: int) -> Array:
    """Uniform in ±2.4 / fan_in, as LeNet-5's weights and biases start (LeCun et al. 1998, appendix A)."""
    return rng.uniform(-2.4 / fan_in, 2.4 / fan_in, shape)


def uniform_fan_in(rng: np.random.Generator, shape: Shape, fan_in: int) -> Array:
    """Uniform in ±1 / sqrt(fan_in): what PyTorch's Linear and Conv2d start from; the layers' default."""
    return rng.uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), shape)


def unit_variance(rng: np.random.Generator, shape: Shape, fan_in: int) -> Array:
    """Uniform in ±sqrt(3 / fan_in), whose standard deviation is 1 / sqrt(fan_in): from inputs of variance 1 that have
    nothing to do with each other, a weighted sum of variance 1 (LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp",
    section 4.6)."""
    return rng.uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in), shape)


def inverse_root_fan_in(rng: np.random.Generator, shape: Shape, fan_in: int) -> Array:
    """All 1 / sqrt(fan_in), nothing drawn: a sum of fan_in inputs that have nothing to do with each other, times this,
    varies as much as one of them. What LeNet-5's author later started subsampling coefficients from (EBLearn)."""
    return np.full(shape, 1 / math.sqrt(fan_in))


def zeros(rng: np.random.Generator, shape: Shape, fan_in: int) -> Array:
    """All 0, nothing drawn: for biases."""
    return np.zeros(shape)
