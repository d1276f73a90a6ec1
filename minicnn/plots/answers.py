"""What the network answers: what F6 draws, and what was misread."""

import math
from collections.abc import Sequence

import numpy as np

from minicnn.models.prototypes import HEIGHT, WIDTH
from minicnn.plots.canvas import (
    GREY,
    INK,
    ORANGE,
    Rectangle,
    bare,
    headline,
    named,
    place,
    rounded,
    sheet,
    symmetric,
    tiles,
)
from minicnn.typing import ArrayLike, FilePath

COLUMNS, ROWS = 10, 5
"""As many misread images as can be told apart from the last row."""
ONE_LINE = 11
"""So many letters stand below an image; longer answers take two lines."""


def prototype(f6: ArrayLike, prototypes: ArrayLike, distances: ArrayLike, label: int, path: FilePath,
              classes: Sequence[str] | None = None) -> FilePath:  # fmt: skip
    """Draw F6's output ``(84,)`` as the picture it is trained to be, beside the nearest prototype -> path.

    prototypes (classes, 84) and distances (classes,) are those of the RBF layer, label is the true one.
    F6's output has a colour scale of its own, since softmax training leaves it a faint copy of the prototype.
    """
    f6, prototypes, distances = np.asarray(f6), np.asarray(prototypes), np.asarray(distances)
    nearest, names = int(distances.argmin()), named(classes, len(prototypes))
    with sheet(path) as figure:
        verdict = "rightly" if nearest == label else f"wrongly: it is {names[label]}"
        headline(figure, f"The nearest prototype wins: read as {names[nearest]}, {verdict}", y=0.97)
        tall, wide = 4.4, 4.4 * WIDTH / HEIGHT
        _units(figure, 0.7, tall, f6, "output of F6", "output of a unit")
        _units(figure, 1.3 + wide, tall, prototypes[nearest], f"prototype of {names[nearest]}", "-1 paper, +1 ink")
        _all_prototypes(place(figure, 2.1 + 2 * wide, 1.2, 12.4 - 2.1 - 2 * wide, tall + 0.5), prototypes, distances)
    return path


def _units(figure, left, tall, units, title, label):
    """Units as a picture ``tall`` inches high, their colour scale below."""
    wide = tall * WIDTH / HEIGHT
    axes = place(figure, left, 1.7, wide, tall)
    image = tiles(axes, {(0, 0): units.reshape(HEIGHT, WIDTH)}, gap=0, cmap=INK, **symmetric(units))
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, loc="center", pad=12)
    bar = figure.colorbar(image, cax=place(figure, left, 1.25, wide, 0.2), orientation="horizontal", label=label)
    bar.ax.locator_params(nbins=3)


def _all_prototypes(axes, prototypes, distances):
    """All prototypes in rows, the distances below them, the smallest marked."""
    high, wide = axes.get_window_extent().height / HEIGHT, axes.get_window_extent().width / WIDTH
    per_row = math.ceil(math.sqrt(len(prototypes) * wide / high))  # the grid has the shape of its place
    places = [divmod(index, per_row) for index in range(len(prototypes))]
    gap, size = 0.25, min(15, 75 / per_row)
    tiles(axes, {p: units.reshape(HEIGHT, WIDTH) for p, units in zip(places, prototypes)}, gap=gap,
          cmap=INK, **symmetric(prototypes))  # fmt: skip
    for (row, column), distance in zip(places, distances):
        chosen = distance == distances.min()
        axes.text(column, row + (1 - gap) / 2 + 0.02, rounded(distance), ha="center", va="top", fontsize=size,
                  color=ORANGE if chosen else GREY, weight="bold" if chosen else "normal")  # fmt: skip
        if chosen:
            corner = column - (1 - gap) / 2, row - (1 - gap) / 2
            axes.add_patch(Rectangle(corner, 1 - gap, 1 - gap, fill=False, edgecolor=ORANGE, linewidth=4))
    axes.set(xticks=[], yticks=[])
    axes.set_title("squared distance from each prototype", loc="center", pad=12)


def misclassified(images: ArrayLike, labels: ArrayLike, predictions: ArrayLike, path: FilePath,
                  classes: Sequence[str] | None = None, what: str = "images") -> FilePath:  # fmt: skip
    """Draw those of the images (N, H, W) whose prediction differs from their label -> path.

    At most COLUMNS x ROWS of them, the first ones; the title says of how many.
    """
    images, labels, predictions = np.asarray(images), np.asarray(labels), np.asarray(predictions)
    if not len(images) == len(labels) == len(predictions):
        raise ValueError(f"images, labels and predictions must be equally many, got {len(images)}, {len(labels)} "
                         f"and {len(predictions)}")  # fmt: skip
    wrong, names = np.flatnonzero(labels != predictions), named(classes, 1 + max(labels.max(), predictions.max()))
    shown = wrong[: COLUMNS * ROWS]
    answers = [f"{names[labels[i]]} → {names[predictions[i]]}" for i in shown]
    if max(map(len, answers), default=0) > ONE_LINE:
        answers = [answer.replace(" → ", " →\n", 1) for answer in answers]
    longest = max((len(line) for answer in answers for line in answer.split("\n")), default=1)
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        for position in range(len(shown)):
            row, column = divmod(position, COLUMNS)
            size = min(15, 130 / longest)
            axes.text(column, row + 0.36, answers[position], ha="center", va="top", fontsize=size, linespacing=1)
        if len(shown):
            tiles(axes, {divmod(position, COLUMNS): images[i] for position, i in enumerate(shown)}, gap=0.3,
                  cmap=INK, vmin=0, vmax=255)  # fmt: skip
        axes.set(xlim=(-0.5, COLUMNS - 0.5), ylim=(ROWS - 0.3, -0.4), xticks=[], yticks=[])
        bare(axes)
        title = f"{len(wrong):,} of {len(labels):,} {what} misread"
        if len(shown):
            which = "all of them" if len(shown) == len(wrong) else f"the first {len(shown)}"
            title += f", {which}: true → predicted"
        headline(figure, title)
    return path
