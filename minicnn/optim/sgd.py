"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from minicnn.layers.parameter import Parameter
from minicnn.optim.optimizer import Optimizer, at_least_zero


class SGD(Optimizer):
    """g = dL/dw + weight_decay · w;   v <- momentum · v + g;   w <- w - lr · v.

    With ``nesterov`` the step looks ahead: w <- w - lr · (g + momentum · v). The same as PyTorch's SGD with
    dampening 0. Works on the network's contiguous parameter vector: a few operations for all layers.

    parameters: ``net.parameters()``, or some of them. Make the optimizer after ``net.to(...)``.
    Raises ValueError for a negative lr, momentum or weight_decay, or Nesterov without momentum.
    """

    state = ("velocity",)

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.0, weight_decay: float = 0.0,
                 nesterov: bool = False) -> None:  # fmt: skip
        super().__init__(parameters, lr)
        at_least_zero(momentum=momentum, weight_decay=weight_decay)
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0, got 0")
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov
        self.velocity = self.zeros()

    def step(self) -> None:
        """One update of every parameter from its gradient."""
        self.check_place()
        for (w, g), v, rate in zip(self.stretches, self.velocity, self.rates()):
            if self.weight_decay:
                g = g + self.weight_decay * w
            if self.momentum:
                v *= self.momentum
                v += g
                g = g + self.momentum * v if self.nesterov else v
            w -= rate * g

    def rates(self) -> list[Any]:
        """What the step of each stretch of parameters is multiplied by."""
        return [self.lr] * len(self.stretches)
