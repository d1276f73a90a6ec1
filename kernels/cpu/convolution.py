"""Convolution with its bias and squashing function, and what it passes back to its input.

    convolution            y[o, h, w, n] = f(bias[o] + sum over the connected c, ky, kx of
                                             k[o, c][ky, kx] · x[c, h·sh + ky, w·sw + kx, n])
    turned = True          the same with every kernel turned by 180 degrees, k[KH-1-ky, KW-1-kx], and
                               y = sum · f'(through), f' in terms of what f had made
                           For x = the output's gradient in a frame of zeros, this is the input's gradient.

Padding and such frames are written by ``frame.py`` first, so that no loop asks whether a pixel is inside.

What makes it fast. Samples are innermost, so the outputs of a row are one run of W_out·N contiguous numbers, and what
weight (ky, kx) adds to them is the same run of input row ky, kx·N numbers on. The loop over the run is innermost; its
body has all KH·KW products, for these sizes are constants, and so a number of the sum is loaded and stored once for 25
products. The row of sums of all output maps stays in the first cache. Pairs come sorted by input map, so that one
pair's sums need not wait for those of the pair before. Where a run would be short (one sample at a time), all rows are
taken as one run of the whole plane, with a few sums in vain at the end of each row.
"""

import functools

import numpy as np

from minicnn.kernels.cpu.jit import compiled, full_width
from minicnn.kernels.cpu.squash import squash

SHORT = 64
"""A run shorter than this is not worth a loop of its own."""


def rows_at_once(height_out, width_out, stride, samples):
    """How many rows of outputs are taken as one run: all or one."""
    return height_out if width_out * samples < SHORT and stride == (1, 1) else 1


@functools.cache
def convolution(real, x_shape, maps, size, stride, squashing, turned=False):
    """kernel(x, weights, order, outputs, inputs, bias, sums, through, y).

    x (C, H, W·N); weights (pairs, KH, KW); pair order[p] leads from map inputs[p] to outputs[p]; sums, workspace of
    ``sums_shape``; through: y's shape, for ``turned``; y (C_out, H_out, W_out·N).
    """
    (_, height, width, samples), (kh, kw), (sh, sw) = x_shape, size, stride
    h_out, w_out = (height - kh) // sh + 1, (width - kw) // sw + 1
    rows = rows_at_once(h_out, w_out, stride, samples)
    line, step, last_y, last_x = width * samples, sw * samples, kh - 1, kw - 1
    runs, length = (1, (rows - 1) * line + w_out * samples) if sw == 1 else (w_out, samples)
    row = w_out * samples
    seen_rows = (rows - 1) * sh + kh
    squashed, (A, S), exact = squashing is not None, map(real, squashing or (1, 1)), real is np.float64
    square, factor = A * A, S / A

    @compiled
    def kernel(x, weights, order, outputs, inputs, bias, sums, through, y):
        full_width()
        for first in range(0, h_out, rows):
            for o in range(maps):
                for i in range(runs * length):
                    sums[o, i] = bias[o]
            for p in range(len(order)):
                k = weights[order[p]]
                seen = x[inputs[p], first * sh : first * sh + seen_rows].reshape(-1)
                for run in range(runs):
                    s, pixels = sums[outputs[p], run * length :], seen[run * step :]
                    for i in range(length):
                        total = s[i]
                        for ky in range(kh):
                            for kx in range(kw):
                                weight = k[last_y - ky, last_x - kx] if turned else k[ky, kx]
                                total += weight * pixels[ky * line + kx * samples + i]
                        s[i] = total
            for o in range(maps):
                for r in range(rows):
                    s, out = sums[o, r * line :], y[o, first + r]
                    if turned and squashed:
                        made = through[o, first + r]
                        for i in range(row):
                            out[i] = s[i] * (factor * (square - made[i] * made[i]))
                    elif squashed:
                        for i in range(row):
                            out[i] = squash(s[i], A, S, exact)
                    else:
                        for i in range(row):
                            out[i] = s[i]

    return kernel


def sums_shape(x_shape, maps, size, stride):
    """The workspace of ``convolution``: a row of sums for each output map."""
    (_, height, width, samples), (kh, kw), (sh, sw) = x_shape, size, stride
    h_out, w_out = (height - kh) // sh + 1, (width - kw) // sw + 1
    return maps, (rows_at_once(h_out, w_out, stride, samples) - 1) * width * samples + w_out * samples
