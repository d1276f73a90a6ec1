"""Layers that shift and scale what they see to mean 0 and variance 1: over a batch, or over a sample's own features."""

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from minicnn.layers.base import Layer
from minicnn.layers.checks import floating, positive
from minicnn.layers.parameter import Parameter
from minicnn.typing import Array, DType, Shape


class _Normalisation(Layer):
    """y = weight · z + bias,  z = (x - mean) / sqrt(variance + eps): two lines for all, over other axes each.

    Over the n elements that share a mean and a variance, both of them depend on every x. With g = weight · dy,

        backward   dweight = sum of z dy,   dbias = sum of dy,   dx = (g - mean of g - z · mean of g z) / sqrt(...)

    for dz[i]/dx[j] = ([i = j] - (1 + z[i] z[j]) / n) / sqrt(...). Where the statistics are constants instead, as after
    training, only g / sqrt(...) remains. second_backward squares the same Jacobian by element; with
    q = weight² · d2y that sums up to

        d2x = (q (1 - 2 (1 + z²) / n) + (sum of q + 2 z · sum of q z + z² · sum of q z²) / n²) / (variance + eps).
    """

    def _keep(self, shape: Shape, eps: float, affine: bool, dtype: DType) -> None:
        """weight and bias of this shape, 1 and 0, or neither."""
        if not (eps > 0 and math.isfinite(eps)):
            raise ValueError(f"eps must be positive and finite, got {eps}")
        self.eps = eps
        self.y_shape: Shape | None = None
        self.weight = Parameter(np.ones(shape, floating(dtype)), "weight") if affine else None
        self.bias = Parameter(np.zeros(shape, floating(dtype)), "bias") if affine else None

    def _normalise(self, x: Array, mean: Array, variance: Array, over: Shape) -> Array:
        """over: the axes along which mean and variance are x's own; () where they are constants."""
        self.y_shape, self.over = x.shape, over
        self.deviation = self.backend.xp.sqrt(variance + self.eps)
        self.z = (x - mean) / self.deviation
        return self.z * self._fit(self.weight) + self._fit(self.bias) if self.weight else self.z

    def backward(self, dy: Array) -> Array:
        """dx of dy's shape."""
        self._check_gradient(dy, self.y_shape)
        g = dy
        if self.weight:
            self.weight.grad, self.bias.grad = self._sum(self.z * dy), self._sum(dy)
            g = self._fit(self.weight) * dy
        if self.over:
            g = g - self._mean(g) - self.z * self._mean(g * self.z)
        return g / self.deviation

    def second_backward(self, d2y: Array) -> Array:
        """d2x of d2y's shape."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        q, z = d2y, self.z
        if self.weight:
            self.weight.curvature, self.bias.curvature = self._sum(z**2 * d2y), self._sum(d2y)
            q = self._fit(self.weight) ** 2 * d2y
        if self.over:
            n = math.prod(z.shape[axis] for axis in self.over)
            others = self._mean(q) + 2 * z * self._mean(q * z) + z**2 * self._mean(q * z**2)
            q = q * (1 - 2 * (1 + z**2) / n) + others / n
        return q / self.deviation**2

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        """One from x and, where there is one, one from the bias, for every element of y."""
        return math.prod(output_shape) * (2 if self.bias else 1)

    @abstractmethod
    def shared(self, ndim: int) -> tuple[int, ...]:
        """The axes of an x of so many along which weight and bias are the same."""

    def _mean(self, a: Array) -> Array:
        return a.mean(axis=self.over, keepdims=True)

    def _sum(self, a: Array) -> Array:
        """The sum over all elements that share a weight, in its shape."""
        return a.sum(axis=self.shared(a.ndim))

    def _fit(self, parameter: Parameter) -> Array:
        """The parameter beside the elements that share each of its numbers."""
        return self.backend.xp.expand_dims(parameter.value, self.shared(len(self.y_shape)))


class _BatchNorm(_Normalisation):
    forms: tuple[tuple[str, ...], ...]
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    at_least_0 = ("running_var", "num_batches_tracked")

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, *, dtype: DType = "float32") -> None:  # fmt: skip
        super().__init__()
        self.num_features = positive("num_features", num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie in 0..1, or be None for the mean of all batches, got {momentum}")
        self._keep((self.num_features,), eps, affine, dtype)
        self.momentum, self.running_mean, self.running_var, self.num_batches_tracked = momentum, None, None, None
        if track_running_stats:
            self.running_mean = np.zeros(self.num_features, floating(dtype))
            self.running_var = np.ones(self.num_features, floating(dtype))
            self.num_batches_tracked = np.zeros((), np.int64)

    def forward(self, x: Array) -> Array:
        """y of x's shape; in training the running statistics move towards this batch's."""
        self._check_input(x, self.num_features, *self._form(x))
        over = self.shared(x.ndim)
        if not self.whole_batch:
            mean, variance = (a.reshape(-1, *[1] * len(over)) for a in (self.running_mean, self.running_var))
            return self._normalise(x, mean, variance, over=())
        count = math.prod(x.shape[1:])
        if count == 1 and self.training:
            raise ValueError(f"{self.label}: x must have more than one value a channel to train, got shape {x.shape}")
        mean, variance = x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True)
        if self.training and self.running_mean is not None:
            self._track(mean.reshape(-1), variance.reshape(-1) * (count / (count - 1)))
        return self._normalise(x, mean, variance, over)

    def _form(self, x: Array) -> tuple[str, ...]:
        """x's axes beside the first: the form that has as many, or the usual one."""
        axes = len(getattr(x, "shape", ())) - 1
        return next((form for form in self.forms if len(form) == axes), self.forms[0])

    def _track(self, mean: Array, variance: Array) -> None:
        """Move the running statistics towards this batch's."""
        self.num_batches_tracked = self.num_batches_tracked + 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean = (1 - share) * self.running_mean + share * mean
        self.running_var = (1 - share) * self.running_var + share * variance

    @property
    def whole_batch(self) -> bool:  # type: ignore[override]
        """Whether the batch's own mean and variance count: in training, and without running ones."""
        return self.training or self.running_mean is None

    def shared(self, ndim: int) -> tuple[int, ...]:
        return tuple(range(1, ndim))

    def describe(self) -> str:
        return f"batch normalisation, {self.num_features} maps"


class BatchNorm2d(_BatchNorm):
    """y = weight · (x - mean) / sqrt(variance + eps) + bias, mean and variance of each map over the batch.

    Shapes: x and y ``(C, H, W, N)``; weight and bias ``(C,)``, at first 1 and 0 (none with ``affine=False``). (Ioffe,
    Szegedy 2015, algorithm 1.) The backward formulas: see ``_Normalisation``.

    In training mode the statistics are the batch's, variance divided by n = H·W·N, and running ones follow them,

        running <- (1 - momentum) running + momentum · the batch's      (variance here divided by n - 1)

    or their plain mean over all batches with ``momentum=None``. In evaluation mode the running ones take their place,
    constants then (the batch's, with ``track_running_stats=False``). As in PyTorch.

    Raises ValueError for statistics of a single value, and for settings that make no sense.
    """

    forms = (("H", "W", "N"),)


class BatchNorm1d(_BatchNorm):
    """y = weight · (x - mean) / sqrt(variance + eps) + bias, mean and variance of each feature over the batch.

    Shapes: x and y ``(features, N)``, or ``(C, L, N)`` with one mean for the L positions of a channel. All else as in
    ``BatchNorm2d``.
    """

    forms = (("N",), ("L", "N"))

    def describe(self) -> str:
        return f"batch normalisation, {self.num_features} features"


class LayerNorm(_Normalisation):
    """y = weight · (x - mean) / sqrt(variance + eps) + bias, mean and variance of each sample over its own features.

    Shapes: x and y ``(*normalized_shape, ..., N)``: the first axes are normalised together, at each place of the others
    by itself; weight and bias ``normalized_shape``, at first 1 and 0 (none with ``elementwise_affine=False``). (Ba,
    Kiros, Hinton 2016, equation 4.) The backward formulas: see ``_Normalisation``. No sample knows of another, and
    training and evaluation are the same.

    normalized_shape: an integer or several. Raises ValueError for an x of another shape.
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True, *,
                 dtype: DType = "float32") -> None:  # fmt: skip
        super().__init__()
        sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape = tuple(positive("normalized_shape", size) for size in sizes)
        if not self.normalized_shape:
            raise ValueError("normalized_shape is empty: at least one size is needed")
        self._keep(self.normalized_shape, eps, elementwise_affine, dtype)

    def forward(self, x: Array) -> Array:
        """y of x's shape, ``(*normalized_shape, ..., N)``."""
        places = len(getattr(x, "shape", ())) - 1 - len(self.normalized_shape)
        self._check_input(x, *self.normalized_shape, *["any"] * places, "N")
        over = tuple(range(len(self.normalized_shape)))
        return self._normalise(x, x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True), over)

    def shared(self, ndim: int) -> tuple[int, ...]:
        return tuple(range(len(self.normalized_shape), ndim))

    def describe(self) -> str:
        return f"layer normalisation over {'x'.join(map(str, self.normalized_shape))}"
