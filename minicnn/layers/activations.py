"""Elementwise functions: y = f(x), so dL/dx = f'(x) dL/dy, written in terms of y where that is cheaper.

Their second derivatives go back through the squared slope: d2x = f'(x)² d2y.
"""

from minicnn.layers.base import Layer


class _Activation(Layer):
    """Keeps what the slope is computed from; y and dx have the shape of x, whatever that is."""

    activation = True

    def __init__(self):
        super().__init__()
        self.kept = None

    def _start(self, x):
        self._check_input(x, *"abcdefgh"[: len(getattr(x, "shape", ()))])
        return self.backend.empty(x.shape, x.dtype)

    def _start_back(self, dy):
        self._check_gradient(dy, None if self.kept is None else self.kept.shape)
        return self.backend.empty(dy.shape, dy.dtype)

    def second_backward(self, d2y):
        return self.backward(self.backward(d2y))  # d2x = f'(x)² d2y: the slope, twice


class ScaledTanh(_Activation):
    """f(x) = A tanh(S x), the paper's squashing function (section II.B and appendix A).

    A = 1.7159, S = 2/3, so that f(1) = 1 and f(-1) = -1: targets of ±1 sit where the curvature is largest,
    inside the range, and never pull a unit into saturation.

    backward: f'(x) = S/A (A - y)(A + y) = S/A (A² - y²).
    """

    A = 1.7159
    S = 2 / 3

    def forward(self, x):
        y = self.kept = self._start(x)
        self.backend.scaled_tanh(x, self.A, self.S, out=y)  # y = A tanh(S x)
        return y

    def backward(self, dy):
        dx = self._start_back(dy)
        self.backend.scaled_tanh_backward(dy, self.kept, self.A, self.S, out=dx)  # dx = S/A (A² - y²) dy
        return dx


class Tanh(_Activation):
    """f(x) = tanh(x). backward: f'(x) = 1 - y²."""

    def forward(self, x):
        y = self.kept = self._start(x)
        return self.backend.xp.tanh(x, out=y)

    def backward(self, dy):
        y, dx = self.kept, self._start_back(dy)
        return self.backend.xp.multiply(1 - y * y, dy, out=dx)


class Sigmoid(_Activation):
    """f(x) = 1 / (1 + exp(-x)), computed as (1 + tanh(x/2)) / 2, which cannot overflow.

    backward: f'(x) = y (1 - y).
    """

    def forward(self, x):
        y = self.kept = self._start(x)
        self.backend.xp.tanh(x / 2, out=y)
        y += 1
        y /= 2
        return y

    def backward(self, dy):
        y, dx = self.kept, self._start_back(dy)
        return self.backend.xp.multiply(y * (1 - y), dy, out=dx)


class ReLU(_Activation):
    """f(x) = max(x, 0). backward: f'(x) = 1 where x > 0, else 0 (at the corner too)."""

    def forward(self, x):
        y = self.kept = self._start(x)
        return self.backend.xp.maximum(x, 0, out=y)

    def backward(self, dy):
        y, dx = self.kept, self._start_back(dy)
        return self.backend.xp.multiply(y > 0, dy, out=dx)
