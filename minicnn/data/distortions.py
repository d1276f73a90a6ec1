"""Random planar affine distortions of images, to train on more digits than there are."""

import math
from dataclasses import dataclass

import numpy as np

from minicnn.backend import get

BLOCK = 128
"""Images that are distorted at once: their coordinates stay in the processor's cache."""


@dataclass(frozen=True)
class Distortion:
    """Translation, scaling, squeezing and horizontal shear, each drawn anew for every image.

    translation: up to so many pixels in either direction; scaling: both axes by a factor exp(u), |u| <= scaling;
    squeezing: one axis by exp(u), the other by exp(-u), |u| <= squeezing; shear: up to so many pixels sideways a
    pixel down. All uniform, about the image's centre, in the manner of LeCun et al. 1998, section III.C.

    An output pixel (r, c), counted from the centre, shows the input at

        row = (r + dy) / (scale · squeeze),   column = (c + dx + shear · r) / scale · squeeze

    by bilinear interpolation, and background (0) outside. Raises ValueError for negative or unbounded ranges.
    """

    translation: float = 1.0
    scaling: float = 0.08
    squeezing: float = 0.06
    shear: float = 0.12

    def __post_init__(self):
        for name, most in (("translation", math.inf), ("scaling", 1), ("squeezing", 1), ("shear", 2)):
            value = getattr(self, name)
            if not (0 <= value <= most and math.isfinite(value)):
                limit = "finite" if most == math.inf else f"at most {most}"
                raise ValueError(f"{name} must be at least 0 and {limit}, got {value}")

    def __call__(self, images, rng, backend="numpy"):
        """images ``(N, H, W)`` uint8 -> as many distorted ones, a NumPy array; rng: a Generator or a seed."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3:
            raise ValueError(f"images must be uint8 (N, H, W), got {images.dtype} {images.shape}")
        backend, rng = get(backend), np.random.default_rng(rng)
        distorted = np.empty_like(images)
        for start in range(0, len(images), BLOCK):
            block = images[start : start + BLOCK]
            maps = [backend.asarray(a) for a in self._draw(rng, len(block))]
            result = resample(backend.xp, backend.asarray(block), *maps)
            distorted[start : start + BLOCK] = backend.to_numpy(result)
        return distorted

    def _draw(self, rng, count):
        """(row_scale, column_scale, dy, dx, shear), each ``(count,)`` float32."""
        uniform = rng.uniform(-1, 1, (5, count))
        scale, squeeze = np.exp(self.scaling * uniform[0]), np.exp(self.squeezing * uniform[1])
        shifts = self.translation * uniform[2:4]
        return [a.astype("float32") for a in (scale * squeeze, scale / squeeze, *shifts, self.shear * uniform[4])]


def resample(xp, images, row_scale, column_scale, dy, dx, shear):
    """Each image seen through its affine map, as in ``Distortion``: ``(N, H, W)`` uint8 -> the same.

    The row that a pixel comes from does not depend on its column. So bilinear interpolation is done along the
    height first, for whole rows, and then along the width: two look-ups a pixel instead of four.
    """
    count, height, width = images.shape
    r = xp.arange(height, dtype="float32") - (height - 1) / 2
    c = xp.arange(width, dtype="float32") - (width - 1) / 2

    rows = (r + dy[:, None]) / row_scale[:, None] + (height - 1) / 2  # (N, H)
    upper, weight = _split(xp, rows, height)
    framed = xp.zeros((count, height + 3, width), "float32")
    framed[:, 1:-2] = images
    sample = xp.arange(count)[:, None]
    upper_row, lower_row = framed[sample, upper], framed[sample, upper + 1]
    lower_row -= upper_row
    lower_row *= weight[:, :, None]
    lower_row += upper_row  # (N, H, W)

    start = (dx[:, None] + shear[:, None] * r) / column_scale[:, None] + (width - 1) / 2  # (N, H)
    columns = start[:, :, None] + (c / column_scale[:, None])[:, None]  # (N, H, W)
    left, weight = _split(xp, columns, width)
    framed = xp.zeros((count, height, width + 3), "float32")
    framed[:, :, 1:-2] = lower_row
    left += (xp.arange(count * height, dtype="int32") * (width + 3)).reshape(count, height, 1)
    pixels = framed.reshape(-1)
    result, right = pixels[left], pixels[left + 1]
    right -= result
    right *= weight
    result += right
    result += 0.5  # rounds, since the conversion to bytes cuts off
    return result.astype("uint8")


def _split(xp, positions, size):
    """(index, weight) of positions: the pixel before each, in a frame of one pixel before and two after, and how
    far the position is on the way to the next. What lies outside is sent to the frame."""
    positions = xp.clip(positions, -1, size)
    before = xp.floor(positions)
    return before.astype("int32") + 1, positions - before
