"""Units whose slope has all but vanished: no gradient comes back through them."""

import copy

import numpy as np

from minicnn.layers import Layer
from minicnn.typing import Array

SATURATED = 0.1
"""A slope below this share of the function's steepest counts as saturated."""

RANGE = np.linspace(-8, 8, 401)
"""Where the steepest slope is looked for."""


def slopes(layer: Layer, x: Array) -> Array:
    """f'(x) of an elementwise layer, as its own backward computes it."""
    y = layer.forward(x)
    return layer.backward(y * 0 + 1)


def saturated_share(layer: Layer, x: Array) -> float:
    """The share of x's elements, 0 to 1, at which the slope of an elementwise layer is near 0.

    tanh and the sigmoid saturate far from 0; a ReLU counts where it is off.
    """
    probe = copy.deepcopy(layer)
    steepest = abs(slopes(probe, probe.backend.asarray(RANGE.astype(x.dtype)))).max()
    flat = abs(slopes(probe, x)) < SATURATED * steepest
    return float(flat.sum()) / flat.size
