"""What is checked: a private copy in float64 of somebody's layer or loss, and one number L that depends on it."""

import copy

import numpy as np

from minicnn.backend import get
from minicnn.layers.base import Layer
from minicnn.layers.sequential import Sequential
from minicnn.losses import Loss


class Subject:
    """L = sum(y · dy) for y = layer.forward(x) and a random dy, each 0.5 to 1.5 in size; a loss: L = y, dy = 1.

    arrays: (name, array to vary, backward's gradient, objection or "") for every parameter and for x.
    y, evaluate(): forward's result for the arrays as they are. magnitude: of the numbers whose rounding matters.

    Raises as ``gradcheck`` says.
    """

    def __init__(self, original, x, labels, targets, rng):
        self.label = getattr(original, "label", type(original).__name__)
        self.title = _title(original)
        compared = labels is not None or targets is not None
        self.is_loss = isinstance(original, Loss) or (compared and not isinstance(original, Layer))
        self.is_network = isinstance(original, Sequential)
        self._check_object(original)
        self.extra = self._second_argument(labels, targets)
        self.model = copy.deepcopy(original)
        if isinstance(self.model, Layer):
            self.model.to(dtype="float64")
        self.backend = getattr(self.model, "backend", get("numpy"))
        self.parameters = list(self.model.parameters()) if hasattr(self.model, "parameters") else []
        for p in self.parameters:
            if p.value.dtype != np.float64:
                raise TypeError(f"{self.label}: {p.name} is {p.value.dtype}; differences need float64")
        given = _real("x", x, self.backend)
        self.x = self.backend.asarray(given.copy())

        self.y = self.evaluate()
        self._unchanged("forward", "x", given, self.x)
        if not np.isfinite(self.y).all():
            raise ValueError(f"{self.label}: forward returned NaN or infinity for this x")
        self.dy = np.ones(())
        if not self.is_loss:
            self.dy = rng.choice([-1, 1], self.y.shape) * rng.uniform(0.5, 1.5, self.y.shape)
        gradients, again = self._gradients(fill=0), self._gradients(fill=1)
        names = [p.name or f"parameter {i}" for i, p in enumerate(self.parameters)] + ["x"]
        arrays = [p.value for p in self.parameters] + [self.x]
        self.arrays = [
            (name, array, gradient, self._objection(gradient, repeated))
            for name, array, gradient, repeated in zip(names, arrays, gradients, again)
        ]
        self.magnitude = float(np.abs(self.y).max())
        if self.is_loss:  # a small loss is a difference of numbers as large as the outputs
            self.magnitude += float(np.abs(np.nan_to_num(gradients[-1]) * self.host(self.x)).sum())

    def host(self, a):
        """``a`` as a NumPy array of its own."""
        return np.array(self.backend.to_numpy(a))

    def evaluate(self):
        """forward's result, a NumPy array of float64; a loss's has no axis."""
        y = self.model.forward(self.x, *self.extra)
        if self.is_loss:
            return np.array(float(y))
        if not hasattr(y, "dtype"):
            raise TypeError(f"{self.label}: forward must return an array, got {type(y).__name__}")
        if y.dtype != np.float64:
            raise TypeError(f"{self.label}: forward turned float64 into {y.dtype}; differences need float64")
        return self.host(y)

    def _gradients(self, fill):
        """backward's gradients of the parameters, which held ``fill`` before, and of x, last."""
        for p in self.parameters:
            p.grad[...] = fill
        before = self.host(self.x)
        y = self.evaluate()
        if np.abs(y - self.y).max() > 1e-10 * np.abs(self.y).max():
            raise ValueError(
                f"{self.label}: forward is not deterministic: two calls with the same x differ by "
                f"{np.abs(y - self.y).max():.3g}; fix its random numbers first"
            )
        if self.is_loss:
            dx = self.model.backward()
        else:
            dy = self.backend.asarray(self.dy.copy())
            dx = self.model.backward(dy)
            self._unchanged("backward", "dy", self.dy, dy)
        self._unchanged("backward", "x", before, self.x)
        if not hasattr(dx, "shape"):
            raise TypeError(f"{self.label}: backward must return dx, an array, got {type(dx).__name__}")
        if tuple(dx.shape) != before.shape:
            raise ValueError(f"{self.label}: backward returned shape {tuple(dx.shape)}, x has {before.shape}")
        if dx.dtype != np.float64:
            raise TypeError(f"{self.label}: backward turned float64 into {dx.dtype}")
        return [self.host(p.grad) for p in self.parameters] + [self.host(dx)]

    def _unchanged(self, method, name, before, array):
        if not np.array_equal(before, self.host(array)):
            raise ValueError(f"{self.label}: {method} wrote to {name}; an input must be left as it is")

    def _objection(self, gradient, repeated):
        """What is wrong with a gradient that depends on what its array held before, or ""."""
        if np.allclose(gradient, repeated, rtol=1e-9, atol=1e-9, equal_nan=True):
            return ""
        if not gradient.any() and (repeated == 1).all():
            return "backward does not write this gradient"
        return "backward adds to the gradient that was there: it must overwrite it"

    def _check_object(self, original):
        for method in ("forward", "backward"):
            if not callable(getattr(original, method, None)):
                raise TypeError(f"{self.label} has no {method}: gradcheck needs a layer or a loss")
        if isinstance(original, Layer) and not hasattr(original, "backend"):
            raise TypeError(f"{self.label}: its __init__ must call super().__init__()")

    def _second_argument(self, labels, targets):
        """() for a layer, (labels,) or (targets,) for a loss."""
        if not self.is_loss:
            if labels is not None or targets is not None:
                raise TypeError(f"{self.label} is a layer: labels and targets are for losses")
            return ()
        if (labels is None) == (targets is None):
            raise TypeError(f"{self.label} is a loss: give labels= or targets=, one of them")
        return (labels,) if targets is None else (_real("targets", targets, get("numpy")),)


def _title(original):
    """What the report is about, in a few words that begin with the class."""
    kind = type(original).__name__
    if isinstance(original, Loss):
        return repr(original)
    if not isinstance(original, Layer):
        return kind
    words = original.describe()
    return f"{original.name}: " * bool(original.name) + (words if words.startswith(kind) else f"{kind}: {words}")


def _real(name, values, backend):
    """``values`` as a float64 NumPy array of its own; TypeError or ValueError unless they are finite reals."""
    array = np.array(backend.to_numpy(values) if hasattr(values, "dtype") else values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    if not array.size:
        raise ValueError(f"{name} is empty, shape {array.shape}")
    if not np.isfinite(array).all():
        index = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} must be finite, got {array[index]} at {index}")
    return array.astype(np.float64)
