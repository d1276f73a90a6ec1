"""What a trace holds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minicnn.inspect.table import table
from minicnn.layers.sequential import pick
from minicnn.typing import Array, ArrayLike, FilePath


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer during the step; all arrays are NumPy's, copies, samples last.

    input x, output y, output_gradient dL/dy, input_gradient dL/dx. values, gradients: of its parameters, by name.
    saturated: of an elementwise layer the share of units with less than a tenth of its steepest slope; else None.
    kernels, connections: of a convolution, (C_out, C_in, KH, KW) with zeros where two maps are not connected, and the
    table or None; else None.
    """

    name: str
    text: str
    input: Array
    output: Array
    output_gradient: Array
    input_gradient: Array
    values: dict[str, Array]
    gradients: dict[str, Array]
    saturated: float | None = None
    kernels: Array | None = None
    connections: list[list[int]] | None = None

    @property
    def gradient_norm(self) -> float:
        """The length of all of the layer's parameter gradients as one vector; 0 without parameters."""
        return math.sqrt(sum(length(g) ** 2 for g in self.gradients.values()))


def length(a: ArrayLike) -> float:
    """The Euclidean length of an array as one vector, a float."""
    return float(np.linalg.norm(np.asarray(a, np.float64)))


@dataclass(frozen=True, eq=False)
class Trace:
    """All layers of one step; ``str`` is a table. ``trace["C1"]`` is the layer of that name, ``trace[0]`` the first.

    loss: a float. labels, predictions: (N,). larger_wins: whether the largest output decides, not the smallest.
    saliency: how the score of the right class grows with every pixel, of x's shape; the score is the class's output,
    or minus its output where the smallest wins. So more of a pixel with a positive value makes the network more
    certain of ``label``. (Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013, section 3.)

    Pictures are written to ``path``, which is returned; they need matplotlib. sample: which one to draw.
    """

    layers: tuple[LayerTrace, ...]
    loss: float
    labels: Array
    predictions: Array
    larger_wins: bool
    saliency: Array

    @property
    def input(self) -> Array:
        """The network's input x."""
        return self.layers[0].input

    @property
    def outputs(self) -> Array:
        """The network's outputs (classes, N)."""
        return self.layers[-1].output

    def __len__(self) -> int:
        """How many layers there are."""
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerTrace]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> LayerTrace:
        """The layer at an index, or with a name; KeyError for another."""
        return pick(self.layers, key)

    def __str__(self) -> str:
        return table(self)

    # -------------------------------------------------- matplotlib is imported when the first picture is wanted

    def draw_feature_maps(self, path: FilePath, sample: int = 0) -> FilePath:
        """Every layer's output, from left to right."""
        from minicnn.inspect import pictures

        return pictures.feature_maps(self, path, sample)

    def draw_filters(self, path: FilePath, name: str) -> FilePath:
        """The kernels of the convolution called ``name``."""
        from minicnn.inspect import pictures

        return pictures.filters(self, path, name)

    def draw_gradient_flow(self, path: FilePath) -> FilePath:
        """The size of signals and gradients, layer by layer."""
        from minicnn.plots.flow import gradient_flow

        return gradient_flow(self, path)

    def draw_saliency(self, path: FilePath, sample: int = 0) -> FilePath:
        """Which pixels speak for the right class, and which against it."""
        from minicnn.plots.saliency import saliency

        return saliency(self.input[..., sample], self.saliency[..., sample], int(self.labels[sample]), path)

    def draw_outputs(self, path: FilePath, sample: int = 0) -> FilePath:
        """The output of every class: LeNet-5's ten RBF distances."""
        from minicnn.plots.outputs import outputs

        return outputs(self.outputs[:, sample], int(self.labels[sample]), path, larger_wins=self.larger_wins)
