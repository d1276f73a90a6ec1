"""Dropout: units left out at random while training."""

import numpy as np

from minicnn.layers.base import Layer
from minicnn.typing import Array, Seed, Shape


class Dropout(Layer):
    """y = m · x while training, m = 1/(1 - p) with probability 1 - p and 0 else, drawn for each element; else y = x.

    The mean of y is x in either mode (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, section 10, with
    the factor moved from use to training). Any shape.

    backward: dx = m dy. second_backward: d2x = m² d2y.

    p: the probability that an element is left out, in [0, 1); rng: a seed or a Generator for m. The masks are drawn by
    NumPy on every device, one whole batch at a time: equal seeds give equal masks. ValueError for another p.
    """

    def __init__(self, p: float = 0.5, *, rng: Seed = None) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be a probability of at least 0 and below 1, got {p}")
        self.p, self.rng = p, np.random.default_rng(rng)
        self.y_shape: Shape | None = None

    def forward(self, x: Array) -> Array:
        """y of x's shape, whatever that is."""
        self._check_input(x, ...)
        self.y_shape = x.shape
        self.mask = self.backend.asarray(self.kept(x.shape), dtype=x.dtype) / (1 - self.p) if self.training else 1
        return self.mask * x

    def backward(self, dy: Array) -> Array:
        """dx of dy's shape."""
        self._check_gradient(dy, self.y_shape)
        return self.mask * dy

    def second_backward(self, d2y: Array) -> Array:
        """d2x of d2y's shape."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        return self.mask**2 * d2y

    def kept(self, shape: Shape) -> np.ndarray:
        """Which elements of a batch stay, drawn anew: NumPy's True and False."""
        return self.rng.random(shape, dtype="float32") >= self.p

    def describe(self) -> str:
        return f"dropout {self.p:g}"
