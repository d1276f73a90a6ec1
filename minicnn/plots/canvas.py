"""The sheet that every picture is drawn on: its style, its tiles, and writing it whole or not at all."""

import contextlib
from pathlib import Path

import numpy as np

from minicnn import sources
from minicnn.files import atomic_write

try:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
except ImportError as error:
    raise ImportError(f"pictures need matplotlib ({sources.pip_install('plot')}): {error}") from error

WIDE = 12.8, 7.2
"""Inches: with DPI dots each, 1920x1080, a projector's whole picture."""
DPI = 150

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
"""The first two are Okabe and Ito's, which the colour-blind tell apart as well."""
SIGNED = "RdBu_r"
"""Blue below zero, white at zero, red above."""
INK = "gray_r"
"""White paper, black ink."""

STYLE = {
    "font.size": 15, "axes.titlesize": 17, "axes.labelsize": 15, "figure.titlesize": 20, "figure.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "lines.linewidth": 2.5, "lines.markersize": 7, "savefig.dpi": DPI, "figure.dpi": DPI,
    "text.parse_math": False,  # a class may be called $
    "figure.constrained_layout.w_pad": 0.15, "figure.constrained_layout.h_pad": 0.15,
}  # fmt: skip


@contextlib.contextmanager
def sheet(path, size=WIDE, **how):
    """A new Figure of ``size`` inches; written to ``path`` when the block ends without error."""
    path = Path(path)
    with matplotlib.rc_context():  # the same look whatever the user's own settings are, which come back after
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=size, **how)
        FigureCanvasAgg(figure)
        yield figure
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:] or "png")


def headline(figure, words, **how):
    """The title of a whole sheet, smaller where it would reach the edges: a data set may have a long name."""
    title = figure.suptitle(words, **how)
    share = title.get_window_extent().width / (0.96 * figure.bbox.width)
    title.set_fontsize(title.get_fontsize() / max(1, share))


def symmetric(*arrays):
    """-> {"vmin": -m, "vmax": m}, m the largest magnitude in the arrays: a colour scale centred at zero."""
    largest = max(float(np.abs(a).max()) for a in arrays) or 1.0
    return {"vmin": -largest, "vmax": largest}


def named(classes, count):
    """The names of ``count`` classes, by default their numbers. Raises ValueError for fewer names."""
    if classes is None:
        return list(map(str, range(count)))
    if len(classes) < count:
        raise ValueError(f"classes must be {count} names, got {len(classes)}")
    return list(classes)


def rounded(value):
    """A number as a short text: one decimal, more below one."""
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def tiles(axes, pictures, *, gap=0.12, **how):
    """Draw pictures ``{(row, column): array (H, W)}``, all of one size, as framed tiles on one grid.

    Tile (r, c) has its centre at x = c, y = r; ``gap`` is the share of the way to the next tile that is left
    empty. ``how`` goes to imshow: cmap, vmin, vmax. -> the image, for a colour bar.
    """
    height, width = next(iter(pictures.values())).shape
    half = (1 - gap) / 2
    frames = []
    for (row, column), picture in pictures.items():
        box = column - half, column + half, row + half, row - half
        image = axes.imshow(picture, extent=box, interpolation="nearest", **how)
        frames.append(Rectangle((box[0], box[3]), 2 * half, 2 * half))
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=GREY, linewidth=0.8))
    rows, columns = ([position[i] for position in pictures] for i in (0, 1))
    axes.set(xlim=(min(columns) - 0.5, max(columns) + 0.5), ylim=(max(rows) + 0.5, min(rows) - 0.5),
             aspect=height / width)  # fmt: skip
    bare(axes)
    return image


def place(figure, left, bottom, width, height):
    """Axes whose place on the sheet is given in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), xticks=[], yticks=[])


def write(figure, left, bottom, text, **how):
    """Text whose place on the sheet is given in inches."""
    across, up = figure.get_size_inches()
    return figure.text(left / across, bottom / up, text, **how)


def bare(axes):
    """Take frame and ticks away, keeping the labels."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
