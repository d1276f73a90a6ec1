"""LeNet-5's output layer: squared distances to fixed prototypes."""

import numpy as np

from minicnn.layers.base import Layer
from minicnn.layers.checks import floating
from minicnn.typing import Array, ArrayLike, DType, Shape


class RBF(Layer):
    """y[i] = sum_j (x[j] - w[i, j])²: how far x is from the prototype of class i.

    Shapes: x ``(features, N)`` -> y ``(classes, N)``; prototypes w ``(classes, features)``, fixed
    (LeCun et al. 1998, equation 7). The class is the *smallest* y.

    backward: dx[j] = 2 sum_i dy[i] (x[j] - w[i, j]).

    second_backward: d2x[j] = 4 sum_i d2y[i] (x[j] - w[i, j])² + 2 sum_i dy[i]. The second term is what y itself
    bends. A criterion that is linear in y, as equation 8, has no other curvature, so it is not left out here;
    both of the paper's criteria keep it from being negative.

    >>> rbf = mc.RBF([[1, 1, -1], [-1, 1, 1]])
    >>> y = rbf.forward(np.array([[1], [1], [0]], "float32"))
    >>> print(y[:, 0], rbf.decide(y))
    [1. 5.] [0]
    """

    constants = ("prototypes",)

    def __init__(self, prototypes: ArrayLike, *, dtype: DType = "float32") -> None:
        super().__init__()
        self.prototypes = np.array(prototypes, dtype=floating(dtype))
        if self.prototypes.ndim != 2 or not self.prototypes.size:
            raise ValueError(f"prototypes must have shape (classes, features), got {self.prototypes.shape}")
        self.y_shape: Shape | None = None
        self.dy: Array | None = None

    def forward(self, x: Array) -> Array:
        """``(features, N)`` -> ``(classes, N)``."""
        self._check_input(x, self.prototypes.shape[1], "N")
        self.y_shape, self.dy = (len(self.prototypes), x.shape[1]), None
        self.differences = x - self.prototypes[:, :, None]  # (classes, features, N)
        return (self.differences**2).sum(axis=1)

    def backward(self, dy: Array) -> Array:
        """``(classes, N)`` -> ``(features, N)``."""
        self._check_gradient(dy, self.y_shape)
        self.dy = dy
        return 2 * (dy[:, None] * self.differences).sum(axis=0)

    def second_backward(self, d2y: Array) -> Array:
        """``(classes, N)`` -> ``(features, N)``; after ``backward``, whose dy it needs."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        if self.dy is None:
            raise RuntimeError(f"{self.label}: second_backward needs a backward first")
        return 4 * (d2y[:, None] * self.differences**2).sum(axis=0) + 2 * self.dy.sum(axis=0)

    def decide(self, outputs: Array) -> Array:
        """The class each sample's outputs (classes, N) stand for: the nearest prototype wins."""
        return outputs.argmin(axis=0)

    def describe(self) -> str:
        return f"RBF, {len(self.prototypes)} units"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        return self.prototypes.size
