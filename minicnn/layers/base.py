"""What every layer is: forward, its backward, and the parameters between them."""

from abc import ABC, abstractmethod

import numpy as np

from minicnn.backend import get


class Layer(ABC):
    """A differentiable function y = f(x; parameters), samples last in x and in y.

    A subclass writes

        forward(x) -> y     keeps what backward needs
        backward(dy) -> dx  given dy = dL/dy, writes dL/dp into every p.grad and returns dx = dL/dx

    and, if it trains anything, ``parameters()``. ``backward`` overwrites gradients, it never adds to them.

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

    needs_input_gradient = True
    """Set to False where dx is of no use (a network's first layer); backward may then return None."""

    def __init__(self):
        self.backend = get("numpy")
        self._accepted = None

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
        if backend is not None:
            old, self.backend = self.backend, get(backend)
        else:
            old = self.backend
        dtype = None if dtype is None else floating(dtype)
        self._accepted = None
        for p in self.parameters():
            p.hold(self.backend.asarray(old.to_numpy(p.value), dtype=dtype))
        for name in self.constants:
            constant = old.to_numpy(getattr(self, name))
            real = constant.dtype.kind == "f"
            setattr(self, name, self.backend.asarray(constant, dtype=dtype if real else None))
        return self

    # --------------------------------------------------------------- for subclasses: errors that say where

    def _check_input(self, x, *shape):
        """Raise unless x has this shape; a letter stands for any size, as in ``(6, "H", "W", "N")``."""
        if (getattr(x, "shape", None), getattr(x, "dtype", None)) == self._accepted:
            return  # as in the call before: a training step has no time to look again
        if not hasattr(x, "shape"):
            raise TypeError(f"{self.label}: x must be an array, got {type(x).__name__}")
        fits = len(x.shape) == len(shape) and all(
            isinstance(need, str) or got == need for got, need in zip(x.shape, shape)
        )
        if not fits:
            need = ", ".join(map(str, shape))
            raise ValueError(f"{self.label}: x must have shape ({need}), got {tuple(x.shape)}")
        if 0 in x.shape:
            raise ValueError(f"{self.label}: x is empty, shape {tuple(x.shape)}")
        dtypes = [p.value.dtype for p in self.parameters()] or [
            getattr(self, name).dtype for name in self.constants if getattr(self, name).dtype.kind == "f"
        ]
        if any(x.dtype != dtype for dtype in dtypes):
            raise TypeError(
                f"{self.label}: x is {x.dtype} but the layer is {dtypes[0]}: cast x, or layer.to(dtype=...)"
            )
        if x.dtype.kind != "f":
            raise TypeError(f"{self.label}: x must hold real numbers (float32 or float64), got {x.dtype}")
        self._accepted = x.shape, x.dtype

    def _check_gradient(self, dy, shape):
        """Raise unless dy has the shape of the y that ``forward`` returned (None: it was never called)."""
        if shape is None:
            raise RuntimeError(f"{self.label}: backward needs a forward first")
        if not hasattr(dy, "shape"):
            raise TypeError(f"{self.label}: dy must be an array, got {type(dy).__name__}")
        if tuple(dy.shape) != tuple(shape):
            raise ValueError(f"{self.label}: dy must have the shape of y, {tuple(shape)}, got {tuple(dy.shape)}")
        if self._accepted is not None and dy.dtype != self._accepted[1]:
            raise TypeError(f"{self.label}: dy must be {self._accepted[1]} as x was, got {dy.dtype}")


def floating(dtype):
    """``dtype`` as a NumPy dtype; TypeError unless it is float32 or float64."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    return dtype


def positive(name, value, minimum=1):
    """``value`` as an int; ValueError or TypeError, naming the argument, unless it is one >= minimum."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def pair(name, value, minimum=1):
    """``value`` as (vertical, horizontal): an integer stands for both."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} must be an integer or a pair of them, got {value!r}")
    return tuple(positive(name, v, minimum) for v in values)
