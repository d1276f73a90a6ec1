"""LeNet-5's output layer: squared distances to fixed prototypes."""

import numpy as np

from minicnn.layers.base import Layer, floating


class RBF(Layer):
    """y[i] = sum_j (x[j] - w[i, j])²: how far x is from the prototype of class i.

    Shapes: x ``(features, N)`` -> y ``(classes, N)``; prototypes w ``(classes, features)``, fixed
    (LeCun et al. 1998, equation 7). The class is the *smallest* y.

    backward: dx[j] = 2 sum_i dy[i] (x[j] - w[i, j]) = 2 (x[j] sum_i dy[i] - (w^T dy)[j]).

    second_backward: d2x[j] = 4 sum_i d2y[i] (x[j] - w[i, j])² + 2 sum_i dy[i]. The second term is what y itself
    bends. A criterion that is linear in y, as equation 8, has no other curvature, so it is not left out here;
    both of the paper's criteria keep it from being negative.
    """

    constants = ("prototypes",)

    def __init__(self, prototypes, *, dtype="float32"):
        super().__init__()
        self.prototypes = np.array(prototypes, dtype=floating(dtype))
        if self.prototypes.ndim != 2 or not self.prototypes.size:
            raise ValueError(f"prototypes must have shape (classes, features), got {self.prototypes.shape}")
        self.x = None

    def forward(self, x):
        self._check_input(x, self.prototypes.shape[1], "N")
        self.x = x
        return self.backend.squared_distances(x, self.prototypes)

    def backward(self, dy):
        self._check_gradient(dy, None if self.x is None else (len(self.prototypes), self.x.shape[1]))
        self.dy = dy
        return 2 * (self.x * dy.sum(axis=0) - self.prototypes.T @ dy)

    def second_backward(self, d2y):
        x, w = self.x, self.prototypes
        squares = x * x * d2y.sum(axis=0) - 2 * x * (w.T @ d2y) + (w * w).T @ d2y  # sum_i d2y[i] (x[j] - w[i, j])²
        return 4 * squares + 2 * self.dy.sum(axis=0)

    def decide(self, outputs):
        """The class each sample's outputs (classes, N) stand for: the nearest prototype wins."""
        return outputs.argmin(axis=0)

    def describe(self):
        return f"RBF, {len(self.prototypes)} units"

    def connections(self, input_shape, output_shape):
        return self.prototypes.size
