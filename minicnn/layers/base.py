"""What every layer is: forward, its backward, and the parameters between them."""

from abc import ABC, abstractmethod

from minicnn.backend import get
from minicnn.layers.checks import Checks, floating


class Layer(Checks, ABC):
    """A differentiable function y = f(x; parameters), samples last in x and in y.

    A subclass writes

        forward(x) -> y     keeps what backward needs
        backward(dy) -> dx  given dy = dL/dy, writes dL/dp into every p.grad and returns dx = dL/dx

    and, if it trains anything, ``parameters()``. ``backward`` overwrites gradients, it never adds to them.
    What ``forward`` and ``backward`` return is the caller's: no later call overwrites it, and no call writes to x
    or dy.

    For second-order methods it also writes

        second_backward(d2y) -> d2x   given d2y, the diagonal of the second derivative of L with respect to y,
                                      writes that with respect to p into every p.curvature and returns d2x

    in the Gauss-Newton approximation of LeCun et al. 1998, appendix C: what f itself bends is left out, so with
    the Jacobian J = dy/dx only d2x[j] = sum_i J[i, j]² d2y[i] remains, never negative. It is called after
    ``backward``, for the same x.
    """

    name = ""
    """What error messages, summaries and parameter names call this layer; Sequential sets it."""

    constants = ()
    """Names of attributes that are arrays but not trained; they move with the layer."""

    activation = False
    """True for an elementwise function, which ``Sequential.summary`` lists with the layer before it."""

    def __init__(self):
        self.backend = get("numpy")

    @abstractmethod
    def forward(self, x): ...

    @abstractmethod
    def backward(self, dy): ...

    def second_backward(self, d2y):
        raise TypeError(f"{self.label} has no second_backward, which second-order training needs")

    def __call__(self, x):
        return self.forward(x)

    def __repr__(self):
        return f"{self.label}: {self.describe()}" if self.name else self.describe()

    @property
    def label(self):
        return self.name or type(self).__name__

    def parameters(self):
        """The layer's Parameters, weight before bias."""
        return []

    def describe(self):
        """The layer in a few words, for ``Sequential.summary``."""
        return type(self).__name__

    def connections(self, input_shape, output_shape):
        """How many connections (bias included) lead from x (C, H, W) to y, counted as the paper does."""
        return 0

    def decide(self, outputs):
        """The class each sample's outputs (classes, N) stand for: the largest one wins."""
        return outputs.argmax(axis=0)

    def to(self, backend=None, dtype=None):
        """Move parameters and constants to ``backend`` and cast the real ones to ``dtype``; returns self.

        Gradients start again from zero, and what ``forward`` kept is for the old place: call it again.
        """
        old = self.backend
        if backend is not None:
            self.backend = get(backend)
        dtype = None if dtype is None else floating(dtype)
        self._x_dtype = None
        for p in self.parameters():
            p.hold(self.backend.asarray(old.to_numpy(p.value), dtype=dtype))
        for name in self.constants:
            constant = old.to_numpy(getattr(self, name))
            real = constant.dtype.kind == "f"
            setattr(self, name, self.backend.asarray(constant, dtype=dtype if real else None))
        return self
