"""What every optimizer is: a step, and the vectors and numbers that it keeps between steps."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from minicnn.layers.parameter import Parameter, stretches
from minicnn.typing import Array


class Optimizer:
    """Changes parameters by their gradients. A subclass writes

        step()      one update of every parameter from its gradient

    over ``self.stretches``, pairs of vectors (w, g) of values and gradients: a single pair for a whole network. What it
    keeps from step to step are attributes that ``state`` names: lists with a vector for each stretch, as ``zeros()``
    makes them, or numbers. Those are in every checkpoint. ``lr`` is set before each step by the schedule.

    parameters: ``net.parameters()``, or some of them. Make the optimizer after ``net.to(...)``.
    Raises ValueError for no parameters and for a negative lr, TypeError for what are no Parameters.
    """

    state: tuple[str, ...] = ()
    """Names of the attributes that a checkpoint keeps."""

    at_least_0: tuple[str, ...] = ()
    """Names of those of them that are never negative, as counts and sums of squares are."""

    def __init__(self, parameters: Iterable[Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters is empty: there is nothing to train")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Parameter):
                raise TypeError(f"parameters[{i}] must be a Parameter, got {type(p).__name__}")
        at_least_zero(lr=lr)
        self.lr = lr
        self.stretches = stretches(self.parameters)
        self._vectors = [p.vector for p in self.parameters]

    def step(self) -> None:
        """One update of every parameter from its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must have a step()")

    def zeros(self) -> list[Array]:
        """A vector of zeros for each stretch."""
        return [values * 0 for values, _ in self.stretches]

    def check_place(self) -> None:
        """RuntimeError if the network has moved since: its values and gradients are elsewhere now."""
        if any(p.vector is not vector for p, vector in zip(self.parameters, self._vectors)):
            name = type(self).__name__
            raise RuntimeError(
                f"the parameters have moved since {name} was made: call net.to(...) first, then {name}(...)"
            )

    def report(self) -> dict[str, float]:
        """What an epoch's record says of the optimizer beside its lr."""
        return {}

    def state_dict(self, to_numpy: Callable[[Array], Array]) -> dict[str, Array]:
        """{name: NumPy array} of all that ``state`` names: "velocity0" for the first stretch's vector, and so on."""
        kept = {}
        for name in self.state:
            value = getattr(self, name)
            if isinstance(value, list):
                kept.update({f"{name}{i}": np.array(to_numpy(v)) for i, v in enumerate(value)})
            else:
                kept[name] = np.array(value)
        return kept

    def load_state_dict(self, mapping: Mapping[str, Array], asarray: Callable[[Array], Array]) -> None:
        """Set it from what ``state_dict`` returned; ValueError if that is another network's or another kind's."""
        if not isinstance(mapping, Mapping) or not all(hasattr(array, "dtype") for array in mapping.values()):
            raise TypeError(f"mapping must be a mapping from names to arrays, got {mapping!r}"[:200])
        own = self.state_dict(lambda v: np.empty(v.shape, v.dtype))
        expected = {name: a.shape for name, a in own.items()}
        given = {name: tuple(a.shape) for name, a in mapping.items()}
        if given != expected:
            raise ValueError(f"optimizer state has arrays {given}, this optimizer needs {expected}")
        for name, array in mapping.items():
            if array.dtype.kind != own[name].dtype.kind:
                raise ValueError(f"optimizer state has {array.dtype} as {name}, this optimizer needs {own[name].dtype}")
            with np.errstate(over="ignore"):
                if not np.isfinite(array.astype(own[name].dtype)).all():
                    raise ValueError(f"optimizer state has numbers in {name} that are not finite as {own[name].dtype}")
            if name.rstrip("0123456789") in self.at_least_0 and array.size and not array.min() >= 0:
                raise ValueError(f"optimizer state has a negative number in {name}")
        for name in self.state:
            value = getattr(self, name)
            if isinstance(value, list):
                for i, v in enumerate(value):
                    v[...] = asarray(mapping[f"{name}{i}"])
            else:
                setattr(self, name, type(value)(mapping[name]))


def at_least_zero(**settings: float) -> None:
    """ValueError for the first setting that is negative or not a number."""
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
