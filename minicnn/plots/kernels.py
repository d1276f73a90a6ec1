"""The kernels of a convolution."""

import math
from collections.abc import Sequence

import numpy as np

from minicnn.plots.canvas import SIGNED, WIDE, sheet, symmetric, tiles
from minicnn.typing import ArrayLike, FilePath

ROOM = 2.2, 1.45
"""Inches beside and above the kernels: the colour bar, title and labels."""


def filters(weights: ArrayLike, path: FilePath, title: str,
            connections: Sequence[Sequence[int]] | None = None) -> FilePath:  # fmt: skip
    """Draw the kernels of ``weights (C_out, C_in, KH, KW)``, all on one colour scale centred at zero -> path.

    A column for each output map, a row for each input map, as Table I of LeCun et al. 1998 is laid out;
    kernels that read a single input map simply follow each other.

    connections: for each output map the input maps it reads; kernels of other pairs are left out.
    """
    weights = np.asarray(weights)
    if weights.ndim != 4 or not weights.size:
        raise ValueError(f"weights must have shape (C_out, C_in, KH, KW), got {weights.shape}")
    outputs, inputs = weights.shape[:2]
    if connections is None:
        connections = [range(inputs)] * outputs
    if inputs == 1:
        columns = math.ceil(math.sqrt(outputs * 1.2))
        kernels = {divmod(o, columns): weights[o, 0] for o in range(outputs)}
        rows = math.ceil(outputs / columns)
    else:
        rows, columns = inputs, outputs
        kernels = {(c, o): weights[o, c] for o, maps in enumerate(connections) for c in maps}
    cell = min((WIDE[0] - ROOM[0]) / columns, (WIDE[1] - ROOM[1]) / rows)
    with sheet(path, (WIDE[0], cell * rows + ROOM[1]), layout="constrained") as figure:
        axes = figure.subplots()
        image = tiles(axes, kernels, gap=0.2 if inputs == 1 else 0.12, cmap=SIGNED, **symmetric(weights))
        if inputs == 1:
            for o, (row, column) in enumerate(kernels):
                axes.text(column, row - 0.42, f"map {o}", ha="center", va="bottom")
            axes.set(xticks=[], yticks=[])
        else:
            axes.set(xlabel="output map", ylabel="input map", xticks=range(outputs), yticks=range(inputs))
        axes.set_title(title, fontsize="x-large", weight="bold", loc="center", pad=12)
        figure.colorbar(image, ax=axes, label="weight", shrink=0.85)
    return path
