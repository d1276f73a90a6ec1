"""How weights start: functions ``(rng, shape, fan_in) -> float64 array``, fan_in the inputs of one unit."""

import math


def lecun1998(rng, shape, fan_in):
    """Uniform in ±2.4 / fan_in, as LeNet-5's weights and biases start (LeCun et al. 1998, appendix A)."""
    return rng.uniform(-2.4 / fan_in, 2.4 / fan_in, shape)


def uniform_fan_in(rng, shape, fan_in):
    """Uniform in ±1 / sqrt(fan_in): what PyTorch's Linear and Conv2d start from; the layers' default."""
    return rng.uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), shape)
