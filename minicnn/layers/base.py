"""What every layer is: forward, its backward, and the parameters between them."""

from abc import ABC, abstractmethod

from minicnn.backend import get
from minicnn.layers.checks import Checks
from minicnn.layers.parts import Parts
from minicnn.typing import Array, Shape


class Layer(Checks, Parts, ABC):
    """A differentiable function y = f(x; parameters), samples last in x and in y.

    A subclass writes

        forward(x) -> y     keeps what backward needs
        backward(dy) -> dx  given dy = dL/dy, writes dL/dp into every p.grad and returns dx = dL/dx

    and keeps what it trains as Parameters. ``backward`` overwrites gradients, it never adds to them.
    What ``forward`` and ``backward`` return is the caller's: no later call overwrites it, and no call writes to x
    or dy.

    Parameters, layers, buffers and random generators that it holds as attributes are found there: ``Parts``.

    For second-order methods it also writes

        second_backward(d2y) -> d2x   given d2y, the diagonal of the second derivative of L with respect to y,
                                      writes that with respect to p into every p.curvature and returns d2x

    in the Gauss-Newton approximation of LeCun et al. 1998, appendix C: what f itself bends is left out, so with
    the Jacobian J = dy/dx only d2x[j] = sum_i J[i, j]² d2y[i] remains, never negative. It is called after
    ``backward``, for the same x.
    """

    activation = False
    """True for an elementwise function, which ``Sequential.summary`` lists with the layer before it."""

    whole_batch = False
    """True where the output for a sample depends on the others of its batch, which then is never cut."""

    def __init__(self) -> None:
        self.backend = get("numpy")

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """The output y for x, samples last in both.

        Raises ValueError for an x of a shape that the layer does not take, TypeError for one that is no array of its
        dtype.
        """

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """dx = dL/dx of x's shape, for dy = dL/dy of y's; writes dL/dp into ``grad`` of every Parameter p.

        Raises RuntimeError before the first ``forward``, ValueError for another shape, TypeError for another dtype.
        """

    def second_backward(self, d2y: Array) -> Array:
        """d2x of x's shape, for d2y of y's; writes ``curvature`` of every Parameter. To be called after ``backward``.

        Errors as there, and TypeError for a layer that has no such method.
        """
        raise TypeError(f"{self.label} has no second_backward, which second-order training needs")

    def __call__(self, x: Array) -> Array:
        """``layer(x)`` is ``layer.forward(x)``."""
        return self.forward(x)

    def __repr__(self) -> str:
        return f"{self.label}: {self.describe()}" if self.name else self.describe()

    def describe(self) -> str:
        """The layer in a few words, for ``Sequential.summary``."""
        return type(self).__name__

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        """How many connections (bias included) lead from x (C, H, W) to y, counted as the paper does."""
        return 0

    def decide(self, outputs: Array) -> Array:
        """The class each sample's outputs (classes, N) stand for: the largest one wins."""
        return outputs.argmax(axis=0)
