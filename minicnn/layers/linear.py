"""The fully connected layer."""

import numpy as np

from minicnn.initialisers import Initialiser, uniform_fan_in
from minicnn.layers.base import Layer
from minicnn.layers.checks import floating, positive
from minicnn.layers.parameter import Parameter
from minicnn.typing import Array, DType, Seed, Shape


class Linear(Layer):
    """y = W x + b, a sample a column: x ``(in_features, N)`` -> y ``(out_features, N)``.

    W ``(out_features, in_features)``, b ``(out_features,)``.

    backward:        dW = dy x^T,        db = the sum of dy's columns,     dx = W^T dy.
    second_backward: d2W = d2y (x²)^T,   d2b = the sum of d2y's columns,   d2x = (W²)^T d2y,  squared by element.
    """

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True, init: Initialiser = uniform_fan_in,
                 rng: Seed = None, dtype: DType = "float32") -> None:  # fmt: skip
        super().__init__()
        self.in_features = positive("in_features", in_features)
        self.out_features = positive("out_features", out_features)
        rng, dtype = np.random.default_rng(rng), floating(dtype)
        self.weight = Parameter(init(rng, (out_features, in_features), in_features).astype(dtype), "weight")
        self.bias = Parameter(init(rng, (out_features,), in_features).astype(dtype), "bias") if bias else None
        self.x: Array | None = None

    def forward(self, x: Array) -> Array:
        """``(in_features, N)`` -> ``(out_features, N)``."""
        self._check_input(x, self.in_features, "N")
        self.x = x
        y = self.weight.value @ x
        return y + self.bias.value[:, None] if self.bias else y

    def backward(self, dy: Array) -> Array:
        """``(out_features, N)`` -> ``(in_features, N)``."""
        self._check_gradient(dy, None if self.x is None else (self.out_features, self.x.shape[1]))
        self.weight.grad = dy @ self.x.T
        if self.bias:
            self.bias.grad = dy.sum(axis=1)
        return self.weight.value.T @ dy

    def second_backward(self, d2y: Array) -> Array:
        """``(out_features, N)`` -> ``(in_features, N)``."""
        self._check_gradient(d2y, None if self.x is None else (self.out_features, self.x.shape[1]), "d2y")
        self.weight.curvature = d2y @ (self.x**2).T
        if self.bias:
            self.bias.curvature = d2y.sum(axis=1)
        return (self.weight.value**2).T @ d2y

    def describe(self) -> str:
        return f"fully connected, {self.out_features} units"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        return sum(p.size for p in self.parameters())
