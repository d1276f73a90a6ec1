"""Elementwise functions: y = f(x), so dL/dx = f'(x) dL/dy, written in terms of y where that is cheaper.

Their second derivatives go back through the squared slope: d2x = f'(x)² d2y.
"""

import math
from abc import abstractmethod

from minicnn.layers.base import Layer
from minicnn.typing import Array


class _Activation(Layer):
    """y and dx have the shape of x, whatever that is."""

    activation = True

    def __init__(self) -> None:
        super().__init__()
        self.y: Array | None = None

    def forward(self, x: Array) -> Array:
        """y of x's shape, whatever that is."""
        self._check_input(x, ...)
        self.y = self.f(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx of dy's shape."""
        self._check_gradient(dy, None if self.y is None else self.y.shape)
        return self.slope(self.y) * dy

    def second_backward(self, d2y: Array) -> Array:
        """d2x of d2y's shape."""
        self._check_gradient(d2y, None if self.y is None else self.y.shape, "d2y")
        return self.slope(self.y) ** 2 * d2y

    @abstractmethod
    def f(self, x: Array) -> Array:
        """y = f(x), element by element."""

    @abstractmethod
    def slope(self, y: Array) -> Array:
        """f'(x) where f(x) = y."""


class ScaledTanh(_Activation):
    """f(x) = A tanh(S x), the paper's squashing function (section II.B and appendix A).

    A = 1.7159, S = 2/3, so that f(1) = 1 and f(-1) = -1: targets of ±1 sit where the curvature is largest,
    inside the range, and never pull a unit into saturation.

    backward: f'(x) = S/A (A - y)(A + y) = S/A (A² - y²).
    """

    A = 1.7159
    S = 2 / 3

    def f(self, x: Array) -> Array:
        return self.A * self.backend.xp.tanh(self.S * x)

    def slope(self, y: Array) -> Array:
        return self.S / self.A * (self.A**2 - y**2)


class Tanh(_Activation):
    """f(x) = tanh(x). backward: f'(x) = 1 - y²."""

    def f(self, x: Array) -> Array:
        return self.backend.xp.tanh(x)

    def slope(self, y: Array) -> Array:
        return 1 - y**2


class Sigmoid(_Activation):
    """f(x) = 1 / (1 + exp(-x)), computed as (1 + tanh(x/2)) / 2, which cannot overflow.

    backward: f'(x) = y (1 - y).
    """

    def f(self, x: Array) -> Array:
        return (1 + self.backend.xp.tanh(x / 2)) / 2

    def slope(self, y: Array) -> Array:
        return y * (1 - y)


class ReLU(_Activation):
    """f(x) = max(x, 0). backward: f'(x) = 1 where x > 0, else 0 (at the corner too)."""

    def f(self, x: Array) -> Array:
        return self.backend.xp.maximum(x, 0)

    def slope(self, y: Array) -> Array:
        return (y > 0).astype(y.dtype)


class LeakyReLU(_Activation):
    """f(x) = x where x > 0, else negative_slope · x. backward: f'(x) = 1 where x > 0, else negative_slope.

    Raises ValueError unless negative_slope is a number >= 0: below 0, y would not say on which side of 0 x was.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        if isinstance(negative_slope, bool) or not isinstance(negative_slope, (int, float)):
            raise TypeError(f"negative_slope must be a number, got {negative_slope!r}")
        if not 0 <= negative_slope < math.inf:
            raise ValueError(f"negative_slope must be at least 0 and finite, got {negative_slope}")
        self.negative_slope = float(negative_slope)

    def f(self, x: Array) -> Array:
        return self.backend.xp.where(x > 0, x, self.negative_slope * x)

    def slope(self, y: Array) -> Array:
        return self.backend.xp.where(y > 0, 1, self.negative_slope).astype(y.dtype)

    def describe(self) -> str:
        return f"LeakyReLU {self.negative_slope:g}"
