"""Picture files, by Pillow: as grey levels, and as images that MNIST might hold."""

import warnings

import numpy as np

from minicnn import sources
from minicnn.data.drawing import SIDE, as_mnist, ink_of_picture
from minicnn.errors import DataFileError
from minicnn.typing import Array, FilePath

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm")
"""What the name of a picture may end with."""

LARGEST = 280
"""Pixels of a picture's longer side that are looked at: larger ones are made smaller, as on the drawing page."""

MOST_PIXELS = 100_000_000
"""More pixels than any camera's: a small file can claim to hold gigabytes."""


def read_grey(path):
    """The grey levels of a picture, (H, W) uint8, at most LARGEST pixels a side; of an animation, the first one.

    path: of a file, or a file that is open for reading its bytes.

    Colours count by how bright they look (0.299 R + 0.587 G + 0.114 B); what is transparent shows white paper.
    Raises DataFileError, with the file's name, for what is no picture, and ImportError without Pillow.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(f"picture files need Pillow ({sources.pip_install('plot')}): {error}") from error
    name = getattr(path, "name", path)
    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")  # of Pillow's about sizes and odd metadata: what matters is an error
            if picture.width * picture.height > MOST_PIXELS:
                raise DataFileError(f"{name} has {picture.width}x{picture.height} pixels, it must have at most "
                                    f"{MOST_PIXELS:,}: make it smaller")  # fmt: skip
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits or more a pixel
                levels = np.asarray(picture, dtype="float64")
                top = 65535 if levels.max() > 255 else 255
                picture = Image.fromarray(np.rint(np.clip(levels / top, 0, 1) * 255).astype("uint8"))
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture).convert("L")
            picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
            return np.asarray(picture)
    except FileNotFoundError:
        raise DataFileError(f"{name}: there is no such file") from None
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(f"{name} is no picture that Pillow can read: {error}") from error


def read_picture(path: FilePath) -> Array:
    """A picture of one character or thing as MNIST would have it, (28, 28) uint8: what is drawn, without the paper.

    As on the drawing page: ink is what stands out from the paper, dark or light; it is scaled to fit 20x20 pixels and
    centred by its mass (``data.drawing``). Raises DataFileError where nothing stands out.
    """
    return drawn(read_grey(path), getattr(path, "name", path))


def drawn(grey, path):
    """What is drawn on a picture of these grey levels, (28, 28) uint8; errors as of ``read_picture``."""
    try:
        return as_mnist(ink_of_picture(grey))
    except ValueError as error:
        raise DataFileError(f"{path}: {error}") from None


def ready(grey):
    """Whether a picture has MNIST's size."""
    return grey.shape == (SIDE, SIDE)


def on_black(grey):
    """A picture of MNIST's size as it is, or with black and white exchanged if its edge is light."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 - grey if edge.mean() > 127 else grey
