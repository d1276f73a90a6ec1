"""A map in a frame: what a convolution with padding, or the way back through one, runs over.

    framed[c, top + h·sh, left + w·sw, n] = x[c, h, w, n]       where that lies inside; all else keeps its zeros

Strides put zeros between the pixels; negative offsets cut the border off.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_speed


@functools.cache
def frame(real, x_shape, framed_shape, corner, stride):
    """kernel(x, framed): x (C, H·W·N), framed (C, H'·W'·N); corner = (top, left)."""
    (maps, height, width, samples), (_, high, wide, _) = x_shape, framed_shape
    (top, left), (sh, sw) = corner, stride
    h_first, w_first = max(0, -(top // sh)), max(0, -(left // sw))
    h_end, w_end = min(height, (high - 1 - top) // sh + 1), min(width, (wide - 1 - left) // sw + 1)
    runs, length = (1, (w_end - w_first) * samples) if sw == 1 else (w_end - w_first, samples)
    start, target, step = w_first * samples, (left + w_first * sw) * samples, sw * samples
    row, framed_row = width * samples, wide * samples

    @compiled
    def kernel(x, framed):
        full_speed()
        for c in range(maps):
            for h in range(h_first, h_end):
                pixels, places = x[c, h * row + start :], framed[c, (top + h * sh) * framed_row + target :]
                for run in range(runs):
                    for i in range(length):
                        places[run * step + i] = pixels[run * length + i]

    return kernel
