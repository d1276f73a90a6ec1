"""One place at which gradients are compared: inputs, parameters, and one number L that depends on both."""

import copy
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Varied:
    """An array to move the elements of, and what backward says of them.

    objection: a reason why the gradient is wrong whatever its numbers are, or "".
    """

    name: str
    array: object
    gradient: np.ndarray
    is_input: bool
    objection: str = ""


class Point:
    """L = sum(y · dy) for y = forward(inputs) and a random dy, each 0.5 to 1.5 in size; a loss: L = y, dy = 1.

    y, evaluate(): forward's result for the arrays as they are. arrays: a Varied for every parameter and every
    input that is differentiated. magnitude: of the numbers whose rounding matters.

    Every call starts from the same state: generators are set back, so that random layers draw the same numbers, and
    buffers, so that running statistics do not run. dy: the weights, a
    Generator to draw them with, or None for no backward. repeat: run backward twice, to see whether gradients depend
    on what their arrays held before, which becomes an objection.
    """

    def __init__(self, subject, inputs, dy, repeat=False):
        self.subject, self.inputs = subject, inputs
        self.state = subject.state()
        given = [subject.host(a) for a in inputs.arrays]
        self.y = self.evaluate()
        self._unchanged("forward", given)
        if not np.isfinite(self.y).all():
            raise ValueError(f"{subject.label}: forward returned NaN or infinity for this x")
        self.dy = self._weights(dy)
        gradients = self._gradients(fill=0)
        again = self._gradients(fill=1) if repeat else gradients
        names = [(name, p.value, False) for name, p in subject.parameters]
        names += [(name, array, True) for _, name, array in inputs.varied()]
        self.arrays = [
            Varied(name, array, gradient, is_input, _objection(gradient, repeated))
            for (name, array, is_input), gradient, repeated in zip(names, gradients, again)
        ]
        self.magnitude = float(np.abs(self.y).max())
        if subject.is_loss:  # a small loss is a difference of numbers as large as the outputs
            self.magnitude += sum(
                float(np.abs(np.nan_to_num(v.gradient) * subject.host(v.array)).sum())
                for v in self.arrays if v.is_input
            )  # fmt: skip

    def _weights(self, dy):
        if self.subject.is_loss:
            return np.ones(())
        if isinstance(dy, np.random.Generator):
            return dy.choice([-1, 1], self.y.shape) * dy.uniform(0.5, 1.5, self.y.shape)
        return dy

    def with_y_of_now(self):
        """The same Point for parameters that have changed meanwhile, without gradients."""
        point = copy.copy(self)
        point.y = self.evaluate()
        point.magnitude = float(np.abs(point.y).max())
        return point

    def evaluate(self):
        """forward's result, a NumPy array of float64; a loss's has no axis."""
        subject = self.subject
        subject.set_state(self.state)
        y = subject.model.forward(*self.inputs.arrays, *subject.extra)
        if subject.is_loss:
            return np.array(float(y))
        if not hasattr(y, "dtype"):
            raise TypeError(f"{subject.label}: forward must return an array, got {type(y).__name__}")
        if y.dtype != np.float64:
            raise TypeError(f"{subject.label}: forward turned float64 into {y.dtype}; differences need float64")
        return subject.host(y)

    def backward(self):
        """What backward says of the inputs, after a new forward: a tuple, one for each."""
        subject = self.subject
        if subject.is_loss:
            dx = subject.model.backward()
        else:
            dy = subject.backend.asarray(self.dy.copy())
            dx = subject.model.backward(dy)
            if not np.array_equal(self.dy, subject.host(dy)):
                raise ValueError(f"{subject.label}: backward wrote to dy; an input must be left as it is")
        if not self.inputs.several:
            return (dx,)
        if isinstance(dx, (tuple, list)) and len(dx) == len(self.inputs.arrays):
            return tuple(dx)
        if len(self.inputs.arrays) == 1 and not isinstance(dx, (tuple, list)):
            return (dx,)
        got = f"{len(dx)} of them" if isinstance(dx, (tuple, list)) else type(dx).__name__
        raise TypeError(
            f"{subject.label}: backward must return a tuple, one gradient for each of {', '.join(self.inputs.names)}, "
            f"got {got}"
        )

    def _gradients(self, fill):
        """backward's gradients of the parameters, which held ``fill`` before, and of the inputs, last."""
        subject = self.subject
        for _, p in subject.parameters:
            p.grad[...] = fill
        before = [subject.host(a) for a in self.inputs.arrays]
        y = self.evaluate()
        if y.shape != self.y.shape or np.abs(y - self.y).max() > 1e-10 * np.abs(self.y).max():
            differ = f"differ by {np.abs(y - self.y).max():.3g}" if y.shape == self.y.shape else "differ in shape"
            raise ValueError(
                f"{subject.label}: forward is not deterministic: two calls with the same x {differ}; "
                "draw from a numpy Generator that is an attribute of the layer, keep in a buffer what forward updates: "
                "gradcheck sets both back"
            )
        dx = self.backward()
        self._unchanged("backward", before)
        return [subject.host(p.grad) for _, p in subject.parameters] + [
            self._checked(name, dx[i], array) for i, name, array in self.inputs.varied()
        ]

    def _checked(self, name, dx, array):
        """dx as a NumPy array; TypeError or ValueError unless it can be the gradient of ``array``."""
        label, d = self.subject.label, f"d{name}"
        if not hasattr(dx, "shape"):
            raise TypeError(f"{label}: backward must return {d}, an array, got {type(dx).__name__}")
        if tuple(dx.shape) != tuple(array.shape):
            raise ValueError(f"{label}: backward returned shape {tuple(dx.shape)}, {name} has {tuple(array.shape)}")
        if dx.dtype != np.float64:
            raise TypeError(f"{label}: backward turned float64 into {dx.dtype}")
        return self.subject.host(dx)

    def _unchanged(self, method, before):
        for name, kept, array in zip(self.inputs.names, before, self.inputs.arrays):
            if not np.array_equal(kept, self.subject.host(array)):
                raise ValueError(f"{self.subject.label}: {method} wrote to {name}; an input must be left as it is")


def _objection(gradient, repeated):
    """What is wrong with a gradient that depends on what its array held before, or ""."""
    if np.allclose(gradient, repeated, rtol=1e-9, atol=1e-9, equal_nan=True):
        return ""
    if not gradient.any() and (repeated == 1).all():
        return "backward does not write this gradient"
    return "backward adds to the gradient that was there: it must overwrite it"
