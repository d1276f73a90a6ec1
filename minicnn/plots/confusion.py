"""Which digits a network takes for which."""

import numpy as np

from minicnn.plots.canvas import GREY, sheet


def confusion_matrix(confusion, path):
    """Draw confusion[true, predicted], counts as ``training.evaluate`` returns them -> path.

    Only mistakes are coloured: right answers, a hundred times as many, would drown them.
    """
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.size:
        raise ValueError(f"confusion must have shape (classes, classes), got {confusion.shape}")
    classes, total = len(confusion), int(confusion.sum())
    mistakes = confusion * ~np.eye(classes, dtype=bool)
    wrong = int(mistakes.sum())
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        shown = np.ma.masked_equal(mistakes, 0)
        most = max(1, int(mistakes.max()))
        axes.imshow(np.where(np.eye(classes), 1.0, np.nan), cmap="Blues", vmin=0, vmax=9, aspect="auto")
        image = axes.imshow(shown, cmap="Oranges", vmin=0, vmax=most, aspect="auto")
        for true, predicted in np.ndindex(confusion.shape):
            count = int(confusion[true, predicted])
            on_diagonal = true == predicted
            if count or on_diagonal:
                dark = not on_diagonal and count > 0.6 * most
                axes.text(predicted, true, f"{count:,}", ha="center", va="center", fontsize=14,
                          color="white" if dark else GREY if on_diagonal else "black",
                          weight="normal" if on_diagonal else "bold")  # fmt: skip
        axes.set(xlabel="predicted label", ylabel="true label", xticks=range(classes), yticks=range(classes))
        figure.suptitle(f"{wrong:,} of {total:,} digits misread: error {wrong / max(1, total):.2%}")
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="0.85")
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        _error_of_each(axes, confusion, mistakes)
        bar = figure.colorbar(image, label="digits confused", shrink=0.8)
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
