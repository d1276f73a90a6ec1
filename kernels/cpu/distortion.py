"""Images through affine maps and displacements, by bilinear interpolation: ``resample`` of minicnn/data/distortions.py.

    result[r, c] = the image at (row, column), rounded, where with r and c counted from the centre
    row = (r + dy) / row_scale + moved[0, r, c],   column = (c + dx + shear · r) / column_scale + moved[1, r, c]

An image lies in a frame of zeros, one pixel before it and two after, and a position beyond is sent there: no look-up
has to ask whether it is inside. A row of the result is made at a time: where its pixels come from, then what they are,
so that nothing but the pixels themselves goes to memory and back.
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import compiled, full_speed


@functools.cache
def resample(real):
    """kernel(images, row_scale, column_scale, dy, dx, shear, moved, result): images and result (N, H, W) uint8, the
    maps (N,), moved (2, N, H, W) or None.

    Every operation is rounded by itself, in NumPy's order: the same bits.
    """

    @functools.partial(compiled, fastmath=False)
    def kernel(images, row_scale, column_scale, dy, dx, shear, moved, result):
        full_speed()
        count, height, width = images.shape
        middle, centre, line = real((height - 1) / 2), real((width - 1) / 2), width + 3
        framed, columns = np.zeros((height + 3, line), real), np.empty(width, real)
        down, right, places = np.empty(width, real), np.empty(width, real), np.empty(width, np.uint32)
        pixels, one, below = framed.reshape(-1), np.uintp(1), np.uintp(line)
        for n in range(count):
            framed[1:-2, 1:-2] = images[n]
            for j in range(width):
                columns[j] = (real(j) - centre) / column_scale[n]
            for i in range(height):
                r = real(i) - middle
                row = (r + dy[n]) / row_scale[n] + middle
                start = (dx[n] + shear[n] * r) / column_scale[n] + centre
                for j in range(width):
                    y, x = row, start + columns[j]
                    if moved is not None:
                        y, x = y + moved[0, n, i, j], x + moved[1, n, i, j]
                    y, x = min(max(y, real(-1)), real(height)), min(max(x, real(-1)), real(width))
                    upper, left = np.floor(y), np.floor(x)
                    down[j], right[j] = y - upper, x - left
                    places[j] = np.uint32(np.int32(upper + real(1)) * np.int32(line) + np.int32(left + real(1)))
                for j in range(width):
                    p = np.uintp(places[j])
                    high = pixels[p] + right[j] * (pixels[p + one] - pixels[p])
                    p += below
                    low = pixels[p] + right[j] * (pixels[p + one] - pixels[p])
                    result[n, i, j] = np.uint8(high + down[j] * (low - high) + real(0.5))

    return kernel
