"""Layers whose input goes several ways: what comes back along them is added up."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from minicnn.layers.base import Layer
from minicnn.layers.sequential import Layers, Sequential, named_layers
from minicnn.typing import Array, Shape

Branch: TypeAlias = Layer | Sequence[Layer]
Branches: TypeAlias = Iterable[Branch] | Mapping[str, Branch]


class Residual(Layer):
    """y = f(x) + x, f the layers one after the other (He, Zhang, Ren, Sun 2015, equation 1).

    With ``shortcut``, a layer s that brings x to the shape of f(x), y = f(x) + s(x) (equation 2).

    backward: dx = what f sends back + dy (or what s sends back for dy): x was used twice, so its gradients add.
    second_backward adds in the same way, without the product of both slopes that (f' + 1)² also has: an approximation,
    as where appendix C of LeCun et al. 1998 sums over the connections that share a weight.

    layers: as of ``Sequential``. Raises ValueError where f(x) has another shape than what is added to it.
    """

    def __init__(self, layers: Layers, shortcut: Layer | None = None) -> None:
        super().__init__()
        self.layers, self.shortcut = named_layers(layers), shortcut
        if shortcut is not None and not isinstance(shortcut, Layer):
            raise TypeError(f"shortcut must be a Layer or None, got {type(shortcut).__name__}")
        self.walk()  # refuses a layer in both

    def forward(self, x: Array) -> Array:
        """y of the shape of f(x)."""
        y = x
        for layer in self.layers:
            y = layer.forward(y)
        same = x if self.shortcut is None else self.shortcut.forward(x)
        if y.shape != same.shape:
            what = "x" if self.shortcut is None else "the shortcut's output"
            raise ValueError(
                f"{self.label}: the layers' output must have the shape of {what} to be added to it, "
                f"{tuple(same.shape)}, got {tuple(y.shape)}"
            )
        return y + same

    def backward(self, dy: Array) -> Array:
        """dy of y's shape -> dx of x's."""
        dx = dy
        for layer in reversed(self.layers):
            dx = layer.backward(dx)
        return dx + (dy if self.shortcut is None else self.shortcut.backward(dy))

    def second_backward(self, d2y: Array) -> Array:
        """d2y of y's shape -> d2x of x's."""
        d2x = d2y
        for layer in reversed(self.layers):
            d2x = layer.second_backward(d2x)
        return d2x + (d2y if self.shortcut is None else self.shortcut.second_backward(d2y))

    def parts(self) -> list[tuple[str, Layer]]:
        beside = [] if self.shortcut is None else [("shortcut", self.shortcut)]
        return [(layer.name, layer) for layer in self.layers] + beside

    def describe(self) -> str:
        return f"residual block of {len(self.layers)} layers"


class Parallel(Layer):
    """y = f_1(x) + f_2(x) + ...; with ``combine="concatenate"`` their maps (or features) one after the other.

    backward: dx = the sum of what the branches send back, each given dy, or its own maps of dy: x was used by all of
    them, so its gradients add. second_backward adds in the same way, without products of different branches' slopes.

    branches: a list of layers, or a mapping from names to layers; a list of layers in a layer's place is one after the
    other. Raises ValueError for another ``combine`` and for branches whose outputs do not fit together.
    """

    def __init__(self, branches: Branches, combine: str = "add") -> None:
        super().__init__()
        if combine not in ("add", "concatenate"):
            raise ValueError(f"combine must be 'add' or 'concatenate', got {combine!r}")
        self.combine = combine
        self.y_shape: Shape | None = None
        if hasattr(branches, "items"):
            self.branches = named_layers({name: _one(branch) for name, branch in branches.items()}, "branches")
        else:
            self.branches = named_layers([_one(branch) for branch in branches], "branches")
        self.walk()  # refuses a layer in two branches

    def forward(self, x: Array) -> Array:
        """y of the branches' shape, or of their maps one after the other."""
        ys = [branch.forward(x) for branch in self.branches]
        self._check_fit([y.shape for y in ys])
        y = sum(ys[1:], start=ys[0]) if self.combine == "add" else self.backend.xp.concatenate(ys)
        self.y_shape, self._x_dtype = y.shape, y.dtype
        return y

    def backward(self, dy: Array) -> Array:
        """dy of y's shape -> dx of x's."""
        self._check_gradient(dy, self.y_shape)
        dxs = [branch.backward(d) for branch, d in zip(self.branches, self._shares(dy))]
        return sum(dxs[1:], start=dxs[0])

    def second_backward(self, d2y: Array) -> Array:
        """d2y of y's shape -> d2x of x's."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        d2xs = [branch.second_backward(d) for branch, d in zip(self.branches, self._shares(d2y))]
        return sum(d2xs[1:], start=d2xs[0])

    def _shares(self, dy: Array) -> list[Array]:
        """What of dy each branch is given."""
        if self.combine == "add":
            return [dy] * len(self.branches)
        return [dy[start:end] for start, end in itertools.pairwise(self.ends)]

    def _check_fit(self, shapes: list[Shape]) -> None:
        self.ends = [0, *itertools.accumulate(shape[0] for shape in shapes)]
        alike = 0 if self.combine == "add" else 1
        if any(shape[alike:] != shapes[0][alike:] for shape in shapes):
            how = "added up" if self.combine == "add" else "concatenated along the first axis"
            got = ", ".join(f"{branch.name} {tuple(shape)}" for branch, shape in zip(self.branches, shapes))
            raise ValueError(f"{self.label}: the outputs must have shapes that can be {how}, got {got}")

    def parts(self) -> list[tuple[str, Layer]]:
        return [(branch.name, branch) for branch in self.branches]

    def describe(self) -> str:
        how = "added" if self.combine == "add" else "concatenated"
        return f"{len(self.branches)} branches, {how}"


def _one(branch: Any) -> Any:
    """A layer as it is, a list of layers as one that takes them in turn."""
    return Sequential(branch) if isinstance(branch, (list, tuple)) else branch
