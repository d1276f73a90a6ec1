"""How far each step moves the weights, relative to their size."""

from typing import Any

from minicnn.layers import Layer
from minicnn.layers.checks import positive
from minicnn.optim import Optimizer
from minicnn.typing import FilePath, Self


class UpdateRatios:
    """Watches ``optimizer.step`` within a ``with`` block: |w after - w before| / |w| of every weight array.

    steps: the numbers of the steps that were looked at; ratios: {parameter name: one number for each of them}.
    A rule of thumb: about 0.001 is a healthy step; far more and the weights are thrown about, far less and they
    hardly learn. Biases are left out, since they begin near 0.

    every: look at every so many steps only. The optimizer behaves as before, and is as it was after the block;
    within it, training calls ``step`` in place of the compiled update, with the same bits as the result.
    """

    def __init__(self, net: Layer, optimizer: Optimizer, every: int = 1) -> None:
        if not hasattr(net, "parameters"):
            raise TypeError(f"net must be a network, got {type(net).__name__}")
        self.net, self.optimizer, self.every = net, optimizer, positive("every", every)
        self.watched = [p for p in net.parameters() if not p.name.endswith("bias")]
        if not self.watched:
            raise ValueError("net has no weights to watch")
        self.steps: list[int] = []
        self.ratios: dict[str, list[float]] = {p.name: [] for p in self.watched}
        self._count = 0

    def __enter__(self) -> Self:
        self._step = self.optimizer.step
        self.optimizer.step = self._watched_step  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: object) -> None:
        del self.optimizer.step  # the class's own method comes to light again

    def _watched_step(self, *args: Any, **kwargs: Any) -> Any:
        self._count += 1
        if (self._count - 1) % self.every:
            return self._step(*args, **kwargs)
        before = [p.value.copy() for p in self.watched]
        result = self._step(*args, **kwargs)
        self.steps.append(self._count)
        for p, old in zip(self.watched, before):
            change, size = (float((a * a).sum()) ** 0.5 for a in (p.value - old, old))
            self.ratios[p.name].append(change / size if size else 0.0)
        return result

    def draw(self, path: FilePath) -> FilePath:
        """The ratios over the steps -> path; needs matplotlib."""
        from minicnn.plots.updates import update_ratios

        return update_ratios(self.steps, self.ratios, path)
