"""Which classes a network takes for which."""

from collections.abc import Sequence

import numpy as np

from minicnn.plots.canvas import GREY, WIDE, headline, named, sheet
from minicnn.typing import ArrayLike, FilePath

ROOM_FOR = 24
"""So many classes fit on a projector's whole picture; for more of them the picture grows."""

SLANTED = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
"""How names of more than a few letters stand beside each other."""


def confusion_matrix(confusion: ArrayLike, path: FilePath, classes: Sequence[str] | None = None,
                     what: str = "images") -> FilePath:  # fmt: skip
    """Draw confusion[true, predicted], counts as ``training.evaluate`` returns them -> path.

    Only mistakes are coloured: right answers, a hundred times as many, would drown them.
    """
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.size:
        raise ValueError(f"confusion must have shape (classes, classes), got {confusion.shape}")
    count, total, names = len(confusion), int(confusion.sum()), named(classes, len(confusion))
    mistakes = confusion * ~np.eye(count, dtype=bool)
    wrong, larger = int(mistakes.sum()), max(1, count / ROOM_FOR)
    with sheet(path, tuple(larger * side for side in WIDE), layout="constrained") as figure:
        axes = figure.subplots()
        shown = np.ma.masked_equal(mistakes, 0)
        most = max(1, int(mistakes.max()))
        axes.imshow(np.where(np.eye(count), 1.0, np.nan), cmap="Blues", vmin=0, vmax=9, aspect="auto")
        image = axes.imshow(shown, cmap="Oranges", vmin=0, vmax=most, aspect="auto")
        for true, predicted in np.ndindex(confusion.shape):
            cell = int(confusion[true, predicted])
            on_diagonal = true == predicted
            if cell or on_diagonal:
                dark = not on_diagonal and cell > 0.6 * most
                axes.text(predicted, true, f"{cell:,}", ha="center", va="center", fontsize=13,
                          color="white" if dark else GREY if on_diagonal else "black",
                          weight="normal" if on_diagonal else "bold")  # fmt: skip
        axes.set(xlabel="predicted label", ylabel="true label")
        axes.set_xticks(range(count), names, **(SLANTED if max(map(len, names)) > 3 else {}))
        axes.set_yticks(range(count), names)
        title = f"{wrong:,} of {total:,} {what} misread: error {wrong / max(1, total):.2%}"
        headline(figure, title, fontsize=20 * larger)
        axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="0.85")
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        _error_of_each(axes, confusion, mistakes)
        bar = figure.colorbar(image, label="images confused", shrink=0.8)
        bar.ax.yaxis.get_major_locator().set_params(integer=True)
    return path


def _error_of_each(axes, confusion, mistakes):
    """At the right of each row: the share of that class that was misread."""
    twin = axes.secondary_yaxis("right")
    rows = confusion.sum(axis=1)
    texts = [f"{wrong / count:.1%}" if count else "-" for wrong, count in zip(mistakes.sum(axis=1), rows)]
    twin.set_yticks(range(len(rows)), texts)
    twin.set_ylabel("error of each label", labelpad=12)
    twin.tick_params(length=0)
    twin.spines[:].set_visible(False)
