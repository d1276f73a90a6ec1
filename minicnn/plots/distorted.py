"""An image and what random distortions make of it."""

from collections.abc import Callable

import numpy as np

from minicnn.plots.canvas import INK, ORANGE, bare, sheet, tiles
from minicnn.typing import Array, FilePath, Seed

COLUMNS, ROWS = 10, 5


def distortions(image: Array, distort: Callable[..., Array], path: FilePath, rng: Seed = 0) -> FilePath:
    """Draw ``image (H, W)`` uint8, framed, and distorted copies of it, ``distort(images, rng)`` -> path."""
    copies = np.asarray(distort(np.repeat(np.asarray(image)[None], COLUMNS * ROWS - 1, axis=0), rng))
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        pictures = {divmod(i, COLUMNS): picture for i, picture in enumerate([image, *copies])}
        tiles(axes, pictures, cmap=INK, vmin=0, vmax=255)
        axes.plot([-0.44, 0.44, 0.44, -0.44, -0.44], [-0.44, -0.44, 0.44, 0.44, -0.44], color=ORANGE, linewidth=4)
        axes.set(xticks=[], yticks=[])
        bare(axes)
        figure.suptitle("An image (framed), and what it is distorted to")
    return path
