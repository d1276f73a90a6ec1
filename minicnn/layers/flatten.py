"""From feature maps to a vector."""

import math

from minicnn.layers.base import Layer
from minicnn.typing import Array, Shape


class Flatten(Layer):
    """x ``(C, H, W, N)`` -> y ``(C·H·W, N)``, in the order c, h, w. backward: the same numbers, reshaped."""

    activation = True

    def __init__(self) -> None:
        super().__init__()
        self.x_shape: Shape | None = None

    def forward(self, x: Array) -> Array:
        """``(C, H, W, N)`` -> ``(C·H·W, N)``."""
        self._check_input(x, "C", "H", "W", "N")
        self.x_shape = x.shape
        return x.reshape(-1, x.shape[-1])

    def backward(self, dy: Array) -> Array:
        """``(C·H·W, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(dy, self._output_shape())
        return dy.reshape(self.x_shape)

    def second_backward(self, d2y: Array) -> Array:
        """``(C·H·W, N)`` -> ``(C, H, W, N)``."""
        return self.backward(d2y)

    def _output_shape(self) -> Shape | None:
        return self.x_shape and (math.prod(self.x_shape[:-1]), self.x_shape[-1])
