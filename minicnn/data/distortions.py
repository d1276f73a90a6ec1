"""Random distortions of images, planar affine and elastic, to train on more digits than there are."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from minicnn.compiled.forms import numba_obstacle
from minicnn.compiled.resampling import loop
from minicnn.compiled.threads import thread_count

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

    def __call__(self, images, rng, backend=None, share=(0, 1), threads=None):
        """images ``(N, H, W)`` uint8 -> as many distorted ones, a NumPy array; rng: a Generator or a seed.

        backend: whatever trains; distortions are made on the processor. share (k, n): only the k-th of n shares, for
        other processes do the rest; those images are 0, and the share is as if all had been distorted. threads: how
        many work on it, by default all cores; no image depends on it.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3:
            raise ValueError(f"images must be uint8 (N, H, W), got {images.dtype} {images.shape}")
        seeds = np.random.default_rng(rng).integers(2**63, size=-(-len(images) // BLOCK))
        by_loop = len(images) > BLOCK and numba_obstacle() is None  # few are not worth compiling for
        look, distorted = loop(bool(self.elastic)) if by_loop else resample, np.zeros_like(images)

        def distort(number):
            block, rng = slice(number * BLOCK, (number + 1) * BLOCK), np.random.default_rng(seeds[number])
            distorted[block] = look(images[block], *self._draw(rng, images[block].shape))

        with ThreadPoolExecutor(thread_count(threads)) as pool:
            list(pool.map(distort, range(share[0], len(seeds), share[1])))
        return distorted

    def _draw(self, rng, shape):
        """(row_scale, column_scale, dy, dx, shear), each ``(count,)`` float32, and the displacements or None."""
        uniform = rng.uniform(-1, 1, (5, shape[0]))
        scale, squeeze = np.exp(self.scaling * uniform[0]), np.exp(self.squeezing * uniform[1])
        shifts = self.translation * uniform[2:4]
        affine = (scale * squeeze, scale / squeeze, *shifts, self.shear * uniform[4])
        moved = displacements(rng, shape, self.elastic, self.smoothness) if self.elastic else None
        return *(a.astype("float32") for a in affine), moved


def displacements(rng, shape, elastic, smoothness):
    """Elastic displacements in pixels, as in ``Distortion``: ``(2, *shape)`` float32, of rows and of columns.

    u is 0 outside the image, so pixels at its edges move less. A Gaussian in two dimensions is one along the height
    and one along the width, and each of them is a matrix: elastic · (G_H u G_W).
    """
    u = rng.random((2, *shape), "float32") * 2 - 1
    along_height, along_width = (gaussian_matrix(size, smoothness) for size in shape[1:])
    return along_height @ u @ (float(elastic) * along_width)


def gaussian_matrix(size, deviation):
    """G[i, k] = exp(-(i - k)² / 2 deviation²), divided by the sum over all integers k: ``(size, size)`` float32."""
    reach = math.ceil(6 * deviation)  # what lies beyond is less than 1e-7 of the peak
    distances = np.arange(-reach, reach + 1)
    total = np.exp(-0.5 * (distances / deviation) ** 2).sum()
    between = np.subtract.outer(np.arange(size), np.arange(size))
    return (np.exp(-0.5 * (between / deviation) ** 2) / total).astype("float32")


def resample(images, row_scale, column_scale, dy, dx, shear, moved=None):
    """Each image seen through its affine map and displacements, as in ``Distortion``: ``(N, H, W)`` uint8 -> the same.

    moved: ``(2, N, H, W)``, None for no displacements.
    """
    count, height, width = images.shape
    r = np.arange(height, dtype="float32") - (height - 1) / 2
    c = np.arange(width, dtype="float32") - (width - 1) / 2
    rows = ((r + dy[:, None]) / row_scale[:, None] + (height - 1) / 2)[:, :, None]  # (N, H, 1)
    start = (dx[:, None] + shear[:, None] * r) / column_scale[:, None] + (width - 1) / 2  # (N, H)
    columns = start[:, :, None] + (c / column_scale[:, None])[:, None]  # (N, H, W)
    if moved is not None:
        rows, columns = rows + moved[0], columns + moved[1]
    upper, down = _split(rows, height)
    left, right = _split(columns, width)
    framed = np.zeros((count, height + 3, width + 3), "float32")
    framed[:, 1:-2, 1:-2] = images
    pixels, line = framed.reshape(-1), width + 3
    place = upper * line + left + (np.arange(count, dtype="int32") * ((height + 3) * line))[:, None, None]
    above = pixels[place] + right * (pixels[place + 1] - pixels[place])
    place += line
    below = pixels[place] + right * (pixels[place + 1] - pixels[place])
    return (above + down * (below - above) + 0.5).astype("uint8")  # rounds, since the conversion cuts off


def _split(positions, size):
    """(index, weight) of positions: the pixel before each, in a frame of one pixel before and two after, and how
    far the position is on the way to the next. What lies outside is sent to the frame."""
    positions = np.clip(positions, -1, size)
    before = np.floor(positions)
    return before.astype("int32") + 1, positions - before
