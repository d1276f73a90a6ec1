"""One image on its way through a network, layer by layer."""

from collections.abc import Sequence

import numpy as np

from minicnn.models.prototypes import HEIGHT, WIDTH
from minicnn.plots.canvas import GREY, INK, ORANGE, SIGNED, bare, named, place, rounded, sheet, symmetric, tiles, write
from minicnn.typing import Array, FilePath

MAPS_HIGH, UNITS_HIGH = 8, 20
"""So many feature maps, or single units, stand in a column before a second one begins."""
BODY, TOP, BOTTOM, SIDE, GAP = 5.6, 1.9, 1.5, 0.35, 0.42
"""Inches: the drawings' height, room above, below and beside them, and between two layers."""
IMAGE, BARS = 2.0, 2.2
"""Inches: the largest side of a single map, and the width of the output's bars."""
LETTER = 0.12
"""Inches that a letter of a class's name takes."""


def feature_maps(stages: Sequence[tuple[str, Array]], path: FilePath, title: str, *, smallest_wins: bool = True,
                 output_words: str = "squared distance\nfrom each prototype",
                 classes: Sequence[str] | None = None) -> FilePath:  # fmt: skip
    """Draw every layer's output for one image, from left to right -> path.

    stages: (name, array) pairs. The image (C, H, W) comes first; then feature maps (C, H, W) or vectors
    (features,), each layer on a colour scale of its own, centred at zero, whose end m stands below it; the
    outputs (classes,) come last, as bars, the winner marked: the smallest or the largest.
    """
    stages = [(name, np.asarray(values)) for name, values in stages]
    if len(stages) < 3:
        raise ValueError(f"stages must hold an image, at least one layer and the outputs, got {len(stages)}")
    layers = [_Layer(name, values) for name, values in stages[:-1]]
    names = named(classes, len(stages[-1][1]))
    room = LETTER * (max(map(len, names)) - 1)
    across = 2 * SIDE + sum(layer.width + GAP for layer in layers) + room + BARS
    with sheet(path, (across, TOP + BODY + BOTTOM)) as figure:
        write(figure, SIDE, TOP + BODY + BOTTOM - 0.25, title, va="top", fontsize=26, weight="bold")
        left = SIDE
        for layer in layers:
            axes = place(figure, left, BOTTOM + (BODY - layer.height) / 2, layer.width, layer.height)
            if layer is layers[0]:
                layer.draw(axes, cmap=INK)
            else:
                scale = symmetric(layer.values)
                image = layer.draw(axes, cmap=SIGNED, **scale)
                write(figure, left + layer.width / 2, BOTTOM - 0.1, f"m = {scale['vmax']:#.2g}", ha="center", va="top",
                      color=GREY)  # fmt: skip
            _heading(figure, left + layer.width / 2, layer.name, layer.words)
            left += layer.width + GAP
        _outputs(place(figure, left + room + 0.3, BOTTOM, BARS - 0.9, BODY), stages[-1][1], smallest_wins, names)
        _heading(figure, left + room + BARS / 2, stages[-1][0], output_words)
        cax = place(figure, 0.3 * across, 0.75, 0.4 * across, 0.18)
        bar = figure.colorbar(image, cax=cax, orientation="horizontal")
        largest = image.get_clim()[1]
        bar.set_ticks([-largest, -largest / 2, 0, largest / 2, largest], labels=["-m", "-m/2", "0", "m/2", "m"])
        bar.set_label("output of a unit, m being the largest magnitude in its layer")
    return path


class _Layer:
    """How one layer's output is laid out: its maps as tiles, or its units as coloured squares."""

    def __init__(self, name, values):
        self.name, self.values = name, values
        self.has_maps = values.ndim == 3 and values.shape[1:] != (1, 1)
        if self.has_maps:
            count = len(values)
            self.columns = -(-count // MAPS_HIGH)
            self.rows = -(-count // self.columns)
            cell = min(BODY / self.rows, IMAGE)
            self.words = f"{count} map{'s'[: count > 1]}\n{'x'.join(map(str, values.shape[1:]))}"
        else:
            count, cell = values.size, BODY / UNITS_HIGH
            is_drawing = count == WIDTH * HEIGHT  # F6: its units are the pixels of a character
            self.rows = HEIGHT if is_drawing else min(count, UNITS_HIGH)
            self.columns = -(-count // self.rows)
            self.words = f"{count} units\n" + (f"as {WIDTH}x{HEIGHT}" if is_drawing else "")
        self.width, self.height = cell * self.columns, cell * self.rows

    def draw(self, axes, **how):
        """-> the image, for a colour bar."""
        if self.has_maps:
            places = (divmod(i, self.columns) for i in range(len(self.values)))
            image = tiles(axes, dict(zip(places, self.values)), gap=0.08, **how)
        else:
            grid = np.full(self.rows * self.columns, np.nan)
            grid[: self.values.size] = self.values.ravel()
            squares = np.ma.masked_invalid(grid.reshape(self.rows, self.columns))
            image = axes.pcolormesh(squares, edgecolors="0.9", linewidth=1, **how)
            axes.invert_yaxis()
        axes.set(xticks=[], yticks=[])
        bare(axes)
        return image


def _heading(figure, centre, name, words):
    write(figure, centre, BOTTOM + BODY + 0.12, words, ha="center", va="bottom", color=GREY)
    write(figure, centre, BOTTOM + BODY + 0.72, name, ha="center", va="bottom", weight="bold", fontsize=19)


def _outputs(axes, outputs, smallest_wins, names):
    winner = int(outputs.argmin() if smallest_wins else outputs.argmax())
    labels, size = np.arange(len(outputs)), min(15, 0.75 * 72 * BODY / len(outputs))
    axes.barh(labels, outputs, color=[ORANGE if label == winner else "0.75" for label in labels], height=0.7)
    for label, value in enumerate(outputs):
        chosen = label == winner
        axes.text(max(value, 0), label, f" {rounded(value)}", va="center", color=ORANGE if chosen else "black",
                  weight="bold" if chosen else "normal", fontsize=size)  # fmt: skip
    axes.set(ylim=(len(outputs) - 0.5, -0.5), xticks=[])
    axes.set_yticks(labels, names, fontsize=size)
    bare(axes)
