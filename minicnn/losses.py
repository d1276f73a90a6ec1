"""Criteria: a number to minimise, and its derivative with respect to the network's outputs.

Outputs are ``(classes, N)``, labels ``(N,)`` integers. ``forward`` returns the loss as a float and
``backward`` the gradient of the same shape as the outputs. ``reduction`` "mean" averages over the batch,
"sum" adds it up.
"""

import math
from typing import Any

import numpy as np

from minicnn.backend import Backend, get
from minicnn.layers.checks import MASKED
from minicnn.typing import Array, ArrayLike, Self


class Loss:
    """What the criteria share: where they compute, how they reduce, and what they refuse.

    ``second_backward`` returns the diagonal of the second derivative with respect to the outputs, with which
    ``Layer.second_backward`` starts.
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
        self.reduction = reduction
        self.backend = get("numpy")
        self.right: tuple[Array, Array] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(reduction={self.reduction!r})"

    def to(self, backend: str | Backend | None) -> Self:
        """Compute on ``backend`` from now on; returns self."""
        self.backend = get(backend)
        return self

    def _reduce(self, losses: Array) -> float:
        """A float from each sample's loss."""
        total = float(losses.sum())
        return total / losses.size if self.reduction == "mean" else total

    def _scale(self, gradient: Array) -> Array:
        """The gradient of the reduced loss, from each sample's own."""
        return gradient / gradient.shape[-1] if self.reduction == "mean" else gradient

    def _check_outputs(self, outputs: Array) -> None:
        """Raise unless outputs are real numbers, at least one."""
        if not (hasattr(outputs, "dtype") and hasattr(outputs, "shape")) or isinstance(outputs, MASKED):
            raise TypeError(f"outputs must be an array, got {type(outputs).__name__}")
        if outputs.dtype.kind != "f":
            raise TypeError(f"outputs must hold real numbers (float32 or float64), got {outputs.dtype}")
        if 0 in outputs.shape:
            raise ValueError(f"outputs is empty, shape {tuple(outputs.shape)}: there is nothing to compute a loss of")

    def _right(self, outputs: Array, labels: Any) -> tuple[Array, Array]:
        """The place of each sample's own class in outputs; ValueError or TypeError for impossible labels."""
        self._check_outputs(outputs)
        if len(outputs.shape) != 2:
            raise ValueError(f"outputs must have shape (classes, N), got {tuple(outputs.shape)}")
        labels = labels if hasattr(labels, "dtype") and hasattr(labels, "shape") else np.asarray(labels)
        classes, count = outputs.shape
        if tuple(labels.shape) != (count,):
            raise ValueError(f"labels must have shape ({count},) to go with outputs, got {tuple(labels.shape)}")
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        lowest = int(labels.min()) if labels.dtype.kind == "i" else 0
        if lowest < 0 or labels.max() >= classes:
            raise ValueError(f"labels must lie in 0..{classes - 1}, got {lowest if lowest < 0 else labels.max()}")
        return self.backend.asarray(labels), self.backend.xp.arange(count)

    def _kept(self) -> Any:
        if self.right is None:
            raise RuntimeError(f"{type(self).__name__}: backward needs a forward first")
        return self.right


def on(loss: Any, backend: str | Backend) -> Any:
    """The loss, computing on ``backend`` from now on if it is one that must know."""
    return loss.to(backend) if hasattr(loss, "to") else loss


def reduction(loss: object) -> str:
    """How the loss brings a batch to one number: "mean" unless it says otherwise."""
    return getattr(loss, "reduction", "mean")


class RBFLoss(Loss):
    """E = mean of y_D: the distance to the prototype of the right class (LeCun et al. 1998, equation 8).

    backward: dE/dy_i = 1/N where i is the label, else 0; second_backward: 0, for E is linear in y.
    """

    def forward(self, outputs: Array, labels: ArrayLike) -> float:
        """``(classes, N)`` and labels ``(N,)`` -> the loss."""
        self.right = self._right(outputs, labels)
        self.shape, self.dtype = outputs.shape, outputs.dtype
        return self._reduce(outputs[self.right])

    def backward(self) -> Array:
        """dE/dy ``(classes, N)``."""
        right = self._kept()
        gradient = self.backend.xp.zeros(self.shape, self.dtype)
        gradient[right] = 1
        return self._scale(gradient)

    def second_backward(self) -> Array:
        """Zeros ``(classes, N)``."""
        self._kept()
        return self.backend.xp.zeros(self.shape, self.dtype)


class MAPLoss(Loss):
    """E = mean of y_D + log(exp(-j) + sum_i exp(-y_i)), distances y (LeCun et al. 1998, equation 9).

    The second term pushes the other classes away; the rubbish class at distance j > 0 keeps distances that are
    already large from mattering. j = inf is softmax cross-entropy on -y. While the other classes are far away,
    dE/dy_D = 1 / (1 + exp(j - y_D)) up to 1/N: a digit farther than j from its prototype is pulled there as by
    equation 8, a digit nearer than j is let go. A j near 0 so makes equation 8 of it.

    backward: dE/dy_i = 1/N ([i = D] - p_i), p_i = exp(-y_i) / (exp(-j) + sum_k exp(-y_k));
    second_backward: d²E/dy_i² = 1/N p_i (1 - p_i).

    The smallest of all exponents is taken out of the logarithm first, so that nothing overflows. Raises
    ValueError unless j > 0.
    """

    def __init__(self, j: float = math.inf, reduction: str = "mean") -> None:
        super().__init__(reduction)
        if not j > 0:
            raise ValueError(f"j must be positive, got {j}")
        self.j = float(j)

    def __repr__(self) -> str:
        return f"MAPLoss(j={self.j}, reduction={self.reduction!r})"

    def forward(self, outputs: Array, labels: ArrayLike) -> float:
        """``(classes, N)`` and labels ``(N,)`` -> the loss."""
        xp = self.backend.xp
        self.right = self._right(outputs, labels)
        smallest = xp.minimum(outputs.min(axis=0), self.j)
        self.likelihood = xp.exp(smallest - outputs)
        self.normaliser = xp.exp(smallest - self.j) + self.likelihood.sum(axis=0)
        return self._reduce(outputs[self.right] - smallest + xp.log(self.normaliser))

    def backward(self) -> Array:
        """dE/dy ``(classes, N)``."""
        right = self._kept()
        gradient = self.likelihood / -self.normaliser
        gradient[right] += 1
        return self._scale(gradient)

    def second_backward(self) -> Array:
        """d²E/dy² ``(classes, N)``."""
        self._kept()
        p = self.likelihood / self.normaliser
        return self._scale(p * (1 - p))


class CrossEntropyLoss(Loss):
    """E = mean of log(sum_i exp(z_i)) - z_D, for logits z ``(classes, N)``.

    backward: dE/dz_i = 1/N (p_i - [i = D]), p = softmax(z); second_backward: d²E/dz_i² = 1/N p_i (1 - p_i).

    The largest logit is subtracted first, so that nothing overflows.

    >>> loss = mc.losses.CrossEntropyLoss()
    >>> round(loss.forward(np.array([[2.0], [0.0]]), [0]), 4)  # log(e² + 1) - 2
    0.1269
    >>> print(loss.backward()[:, 0].round(4))
    [-0.1192  0.1192]
    """

    def forward(self, outputs: Array, labels: ArrayLike) -> float:
        """``(classes, N)`` and labels ``(N,)`` -> the loss."""
        xp = self.backend.xp
        self.right = self._right(outputs, labels)
        z = outputs - outputs.max(axis=0)
        self.exponentials = xp.exp(z)
        self.normaliser = self.exponentials.sum(axis=0)
        return self._reduce(xp.log(self.normaliser) - z[self.right])

    def backward(self) -> Array:
        """dE/dz ``(classes, N)``."""
        right = self._kept()
        gradient = self.exponentials / self.normaliser
        gradient[right] -= 1
        return self._scale(gradient)

    def second_backward(self) -> Array:
        """d²E/dz² ``(classes, N)``."""
        self._kept()
        p = self.exponentials / self.normaliser
        return self._scale(p * (1 - p))


class MSELoss(Loss):
    """E = mean (or sum) over all elements of (outputs - targets)², targets of the same shape as outputs.

    Targets are cast to the outputs' dtype, so that the gradient has it too.

    backward: dE/dy = 2 (y - t) / elements; second_backward: d²E/dy² = 2 / elements.
    """

    difference: Array | None = None

    def forward(self, outputs: Array, targets: ArrayLike) -> float:
        """Two arrays of one shape -> the loss."""
        self._check_outputs(outputs)
        targets = self.backend.asarray(targets, dtype=outputs.dtype)
        if tuple(outputs.shape) != tuple(targets.shape):
            raise ValueError(f"targets must have the shape of outputs, {outputs.shape}, got {targets.shape}")
        self.difference = outputs - targets
        return self._reduce(self.difference**2)

    def backward(self) -> Array:
        """dE/dy of the outputs' shape."""
        return self._scale(2 * self._kept())

    def second_backward(self) -> Array:
        """d²E/dy² of the outputs' shape."""
        return self._scale(0 * self._kept() + 2)

    def _kept(self) -> Array:
        if self.difference is None:
            raise RuntimeError("MSELoss: backward needs a forward first")
        return self.difference

    def _scale(self, gradient: Array) -> Array:
        return gradient / gradient.size if self.reduction == "mean" else gradient
