"""Random distortions of images, planar affine and elastic, to train on more digits than there are."""

import math
from dataclasses import dataclass

import numpy as np

from minicnn.backend import get

BLOCK = 128
"""Images that are distorted at once: their coordinates stay in the processor's cache."""

MOST = {"translation": math.inf, "scaling": 1, "squeezing": 1, "shear": 2, "elastic": math.inf}
"""How far each kind of distortion may reach."""


@dataclass(frozen=True)
class Distortion:
    """Translation, scaling, squeezing, horizontal shear and elastic displacements, each drawn anew for every image.

    translation: up to so many pixels in either direction; scaling: both axes by a factor exp(u), |u| <= scaling;
    squeezing: one axis by exp(u), the other by exp(-u), |u| <= squeezing; shear: up to so many pixels sideways a
    pixel down. All uniform, about the image's centre, in the manner of LeCun et al. 1998, section III.C.

    elastic, smoothness: every pixel is displaced by elastic · (G * u), in either direction, where u is drawn for each
    pixel from -1..1 and G is a Gaussian of standard deviation ``smoothness`` in pixels (alpha and sigma of Simard,
    Steinkraus, Platt 2003, "Best practices for convolutional neural networks", section 2; theirs are 34 and 4).
    Away from the edges a displacement has the standard deviation elastic / (2 smoothness sqrt(3 pi)).

    An output pixel (r, c), counted from the centre, shows the input at

        row = (r + dy) / (scale · squeeze) + its displacement,
        column = (c + dx + shear · r) / scale · squeeze + its displacement

    by bilinear interpolation, and background (0) outside. Raises ValueError for negative or unbounded ranges, and
    unless smoothness is positive and finite.
    """

    translation: float = 1.0
    scaling: float = 0.08
    squeezing: float = 0.06
    shear: float = 0.12
    elastic: float = 0.0
    smoothness: float = 4.0

    def __post_init__(self):
        for name, most in MOST.items():
            value = getattr(self, name)
            if not (0 <= value <= most and math.isfinite(value)):
                limit = "finite" if most == math.inf else f"at most {most}"
                raise ValueError(f"{name} must be at least 0 and {limit}, got {value}")
        if not 0 < self.smoothness < math.inf:
            raise ValueError(f"smoothness must be positive and finite, got {self.smoothness}")

    def __call__(self, images, rng, backend="numpy", share=(0, 1)):
        """images ``(N, H, W)`` uint8 -> as many distorted ones, a NumPy array; rng: a Generator or a seed.

        share (k, n): only the k-th of n shares, for other processes do the rest; those images are 0, and the share is
        as if all had been distorted.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3:
            raise ValueError(f"images must be uint8 (N, H, W), got {images.dtype} {images.shape}")
        backend, rng = get(backend), np.random.default_rng(rng)
        distorted = np.zeros_like(images)
        for number, start in enumerate(range(0, len(images), BLOCK)):
            block = images[start : start + BLOCK]
            maps = [backend.asarray(a) for a in self._draw(rng, len(block))]
            if number % share[1] != share[0]:
                if self.elastic:
                    rng.random((2, *block.shape), "float32")  # as its displacements do
                continue
            if self.elastic:
                maps.append(backend.asarray(displacements(rng, block.shape, self.elastic, self.smoothness)))
                result = resample_freely(backend.xp, backend.asarray(block), *maps)
            else:
                result = resample(backend.xp, backend.asarray(block), *maps)
            distorted[start : start + BLOCK] = backend.to_numpy(result)
        return distorted

    def _draw(self, rng, count):
        """(row_scale, column_scale, dy, dx, shear), each ``(count,)`` float32."""
        uniform = rng.uniform(-1, 1, (5, count))
        scale, squeeze = np.exp(self.scaling * uniform[0]), np.exp(self.squeezing * uniform[1])
        shifts = self.translation * uniform[2:4]
        return [a.astype("float32") for a in (scale * squeeze, scale / squeeze, *shifts, self.shear * uniform[4])]


def displacements(rng, shape, elastic, smoothness):
    """Elastic displacements in pixels, as in ``Distortion``: ``(2, *shape)`` float32, of rows and of columns.

    u is 0 outside the image, so pixels at its edges move less. A Gaussian in two dimensions is one along the height
    and one along the width, and each of them is a matrix: elastic · (G_H u G_W).
    """
    u = rng.random((2, *shape), "float32") * 2 - 1
    along_height, along_width = (gaussian_matrix(size, smoothness) for size in shape[1:])
    return along_height @ u @ (elastic * along_width)


def gaussian_matrix(size, deviation):
    """G[i, k] = exp(-(i - k)² / 2 deviation²), divided by the sum over all integers k: ``(size, size)`` float32."""
    reach = math.ceil(6 * deviation)  # what lies beyond is less than 1e-7 of the peak
    distances = np.arange(-reach, reach + 1)
    total = np.exp(-0.5 * (distances / deviation) ** 2).sum()
    between = np.subtract.outer(np.arange(size), np.arange(size))
    return (np.exp(-0.5 * (between / deviation) ** 2) / total).astype("float32")


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


def resample_freely(xp, images, row_scale, column_scale, dy, dx, shear, moved):
    """As ``resample``, and then every pixel is displaced: moved ``(2, N, H, W)``. Four look-ups a pixel."""
    count, height, width = images.shape
    r = xp.arange(height, dtype="float32") - (height - 1) / 2
    c = xp.arange(width, dtype="float32") - (width - 1) / 2
    rows = (r + dy[:, None]) / row_scale[:, None] + (height - 1) / 2  # (N, H)
    start = (dx[:, None] + shear[:, None] * r) / column_scale[:, None] + (width - 1) / 2  # (N, H)
    columns = start[:, :, None] + (c / column_scale[:, None])[:, None]  # (N, H, W)
    upper, down = _split(xp, rows[:, :, None] + moved[0], height)
    left, right = _split(xp, columns + moved[1], width)
    framed = xp.zeros((count, height + 3, width + 3), "float32")
    framed[:, 1:-2, 1:-2] = images
    pixels, line = framed.reshape(-1), width + 3
    place = upper * line + left + (xp.arange(count, dtype="int32") * ((height + 3) * line))[:, None, None]
    above = pixels[place] + right * (pixels[place + 1] - pixels[place])
    place += line
    below = pixels[place] + right * (pixels[place + 1] - pixels[place])
    return (above + down * (below - above) + 0.5).astype("uint8")


def _split(xp, positions, size):
    """(index, weight) of positions: the pixel before each, in a frame of one pixel before and two after, and how
    far the position is on the way to the next. What lies outside is sent to the frame."""
    positions = xp.clip(positions, -1, size)
    before = xp.floor(positions)
    return before.astype("int32") + 1, positions - before
