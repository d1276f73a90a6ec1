"""Adam and AdamW: each parameter's step divided by the size of its gradients so far."""

from collections.abc import Iterable

import numpy as np

from minicnn.layers.parameter import Parameter
from minicnn.optim.optimizer import Optimizer, at_least_zero


class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g²;   w <- w - lr m̂ / (sqrt(v̂) + eps).

    m̂ = m / (1 - b1^t) and v̂ = v / (1 - b2^t) take out that both start from 0, t the number of this step; g = dL/dw
    + weight_decay · w (Kingma, Ba 2015, algorithm 1). With ``amsgrad`` the largest v so far takes the place of v
    (Reddi, Kale, Kumar 2018). The same as PyTorch's Adam.

    parameters: as of ``Optimizer``; betas: (b1, b2). Raises ValueError for a negative lr, eps or weight_decay and for
    betas outside [0, 1).
    """

    state: tuple[str, ...] = ("m", "v", "t")
    at_least_0 = ("v", "t", "largest")
    decoupled = False

    def __init__(self, parameters: Iterable[Parameter], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False) -> None:  # fmt: skip
        super().__init__(parameters, lr)
        at_least_zero(eps=eps, weight_decay=weight_decay)
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"betas[{i}] must be at least 0 and below 1, got {beta}")
        self.betas, self.eps, self.weight_decay, self.amsgrad = tuple(betas), eps, weight_decay, amsgrad
        self.m, self.v, self.t = self.zeros(), self.zeros(), 0
        if amsgrad:
            self.largest = self.zeros()
            self.state = (*self.state, "largest")

    def step(self) -> None:
        """One update of every parameter from its gradient."""
        self.check_place()
        self.t += 1
        b1, b2 = self.betas
        for i, ((w, g), m, v) in enumerate(zip(self.stretches, self.m, self.v)):
            if self.weight_decay and self.decoupled:
                w *= 1 - self.lr * self.weight_decay
            elif self.weight_decay:
                g = g + self.weight_decay * w
            m += (1 - b1) * (g - m)
            v += (1 - b2) * (g * g - v)
            if self.amsgrad:
                v = np.maximum(self.largest[i], v, out=self.largest[i])
            w -= self.lr / (1 - b1**self.t) * m / ((v / (1 - b2**self.t)) ** 0.5 + self.eps)


class AdamW(Adam):
    """Adam with the decay of weights left out of its averages: first w <- w - lr weight_decay · w, then Adam's step.

    (Loshchilov, Hutter 2019, algorithm 2.) Arguments and errors as of ``Adam``.
    """

    decoupled = True

    def __init__(self, parameters: Iterable[Parameter], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.01, amsgrad: bool = False) -> None:  # fmt: skip
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad)
