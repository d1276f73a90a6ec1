"""Which pixels speak for a class, and which against it."""

import numpy as np

from minicnn.plots.canvas import GREY, INK, SIGNED, sheet, symmetric


def saliency(image, gradient, label, path):
    """Draw an image (C, H, W) beside ``gradient``, of the same shape: how the score of ``label`` grows with each
    pixel -> path. Several channels are averaged in the image and added up in the gradient.
    """
    image, gradient = np.asarray(image, float), np.asarray(gradient, float)
    if image.ndim != 3 or image.shape != gradient.shape:
        raise ValueError(f"image and gradient must have one shape (C, H, W), got {image.shape} and {gradient.shape}")
    image, gradient = image.mean(axis=0), gradient.sum(axis=0)
    with sheet(path, (12.8, 6.4), layout="constrained") as figure:
        left, right = figure.subplots(1, 2)
        left.imshow(image, cmap=INK, interpolation="nearest")
        left.set_title("the image", loc="center")
        scale = symmetric(gradient)
        drawn = right.imshow(gradient, cmap=SIGNED, interpolation="nearest", **scale)
        middle = (image.min() + image.max()) / 2
        if image.min() < middle < image.max():
            right.contour(image, levels=[middle], colors=GREY, linewidths=2)
        right.set_title("how the score grows with each pixel", loc="center")
        bar = figure.colorbar(drawn, ax=right, shrink=0.8, ticks=[scale["vmin"], 0, scale["vmax"]])
        bar.ax.set_yticklabels(["against", "0", "for"])
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
        figure.suptitle(f"Where more ink speaks for a{'n' * (label == 8)} {label}, and where against it")
    return path
