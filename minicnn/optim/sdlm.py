"""The second-order method that LeNet-5 was trained with in 1998."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from minicnn.layers.parameter import Parameter
from minicnn.optim.sgd import SGD
from minicnn.typing import Array


class StochasticDiagonalLM(SGD):
    """Stochastic diagonal Levenberg-Marquardt: w_k <- w_k - lr / (mu + h_k) · dL/dw_k.

    (LeCun et al. 1998, appendix C.) Each parameter has a step size of its own: h_k is the diagonal of the loss's
    second derivative in the Gauss-Newton approximation, averaged over a few hundred samples before each pass
    (``minicnn.training.curvature``, which ``fit`` calls) and then kept. Flat directions get large steps; mu keeps
    them from growing beyond lr / mu where h_k is near 0.

    memory: a new estimate of h_k counts, but no less than this share of what is in use: h <- max(estimate, memory · h).
    0 is as published, with 1 steps only ever shrink. A unit that saturates has no slope, and the estimate of what lies
    before it is near 0: without a memory the step grows to lr / mu at once, just where the loss bends most as soon as
    the unit comes back.

    With momentum, weight_decay and nesterov the gradient becomes what it becomes in ``SGD``; the paper has none.

    parameters: all of one network, ``net.parameters()``; lr: the paper's global learning rate eta;
    curvature_samples: how many samples ``fit`` re-estimates h on, 0 for none: then ``use_curvature`` is called by hand.
    Raises ValueError unless lr and mu are positive, curvature_samples is at least 0 and memory between 0 and 1, and
    RuntimeError for a step before the first estimate.
    """

    def __init__(self, parameters: Iterable[Parameter], lr: float, mu: float = 0.02, curvature_samples: int = 500,
                 memory: float = 0.0, **how: Any) -> None:  # fmt: skip
        super().__init__(parameters, lr, **how)
        for name, value in (("lr", lr), ("mu", mu)):
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be positive and finite, got {value}")
        if curvature_samples < 0:
            raise ValueError(f"curvature_samples must be at least 0, got {curvature_samples}")
        if not 0 <= memory <= 1:
            raise ValueError(f"memory must be at least 0 and at most 1, got {memory}")
        if len(self.stretches) > 1:
            raise ValueError("parameters must be all parameters of one network, got some of them")
        self.mu, self.curvature_samples, self.memory = mu, curvature_samples, memory
        self.curvature: Array | None = None

    def use_curvature(self, h: Array) -> None:
        """Take in the new estimate h; ValueError if its length is another or an element is negative."""
        self._check(h)
        self.curvature = h if self.curvature is None else np.maximum(h, self.memory * self.curvature)
        self._rates_of: float | None = None

    def _check(self, h: Array) -> None:
        size = self.velocity[0].size
        if tuple(h.shape) != (size,):
            raise ValueError(f"h must have shape ({size},), one element a parameter, got {tuple(h.shape)}")
        if not float(h.min()) >= 0:
            raise ValueError(f"h must be at least 0 everywhere, its smallest element is {float(h.min())}")

    def rates(self) -> list[Any]:
        """The step sizes lr / (mu + h) in use, one vector."""
        if self.curvature is None:
            raise RuntimeError("no curvature yet: fit estimates it, or call use_curvature first")
        if self._rates_of != self.lr:
            self._rates, self._rates_of = [self.lr / (self.mu + self.curvature)], self.lr
        return self._rates

    def report(self) -> dict[str, float]:
        """The range of the step sizes in use."""
        (rates,) = self.rates()
        return {"step_min": float(rates.min()), "step_max": float(rates.max())}

    def state_dict(self, to_numpy: Callable[[Array], Array]) -> dict[str, Array]:
        """The velocities and the curvature as NumPy arrays."""
        state = super().state_dict(to_numpy)
        return state if self.curvature is None else {**state, "curvature": to_numpy(self.curvature).copy()}

    def load_state_dict(self, mapping: Mapping[str, Array], asarray: Callable[[Array], Array]) -> None:
        """Set both from what ``state_dict`` returned; ValueError if they are another network's or another kind."""
        mapping = dict(mapping)
        if "curvature" not in mapping:
            raise ValueError("optimizer state has no curvature: another optimizer wrote it")
        h = asarray(mapping.pop("curvature"))
        self._check(h)
        before, self.curvature = self.curvature, None  # the rest is compared with what SGD keeps
        try:
            super().load_state_dict(mapping, asarray)
        except ValueError:
            self.curvature = before
            raise
        self.curvature, self._rates_of = h, None
