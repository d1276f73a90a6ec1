"""Convolution with its bias and squashing function.

    y[o, h, w, n] = f(bias[o] + sum over the connected c, ky, kx of k[o, c][ky, kx] · x[c, h·sh + ky, w·sw + kx, n])

Padding is written by ``frame.py`` first, so that no loop asks whether a pixel is inside.

What makes it fast. Samples are innermost, so the outputs of a row are one run of W_out·N contiguous numbers, and what
weight (ky, kx) adds to them is the same run of input row ky, kx·N numbers on. The innermost loop has all KH·KW products
in its body, for these sizes are constants, and so a sum is loaded and stored once for 25 products. Two rows of outputs
are taken at once, and two columns where the samples fill a vector: these four read KH + 1 rows and KW + 1 columns
together, 36 pixels for 100 products, and none of the four waits for another. What would be too long for the compiler to
unroll is done in several passes, some rows of the kernel in each. Pairs come sorted by input map: no pair's sums wait
for those of the pair before. Where a run would be short (one sample at a time), the whole plane is one run, with a few
sums in vain at the end of each row.
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import IN_ORDER, compiled, full_speed
from minicnn.kernels.cpu.product import largest_divisor
from minicnn.kernels.cpu.squash import squash

SHORT = 64
"""A run shorter than this is not worth a loop of its own."""

LONG = 125
"""So many weights and products the compiler still unrolls, in a loop's body."""

VECTOR = 64
"""Bytes of the widest vector."""


def plane_at_once(height_out, width_out, stride, samples):
    """Whether all rows of outputs are taken as one run."""
    return height_out > 1 and width_out * samples < SHORT and stride == (1, 1)


def layout(x_shape, size, stride):
    """(rows at once, numbers from one row's sums to the next's, numbers in all) of the workspace ``sums``."""
    (_, height, width, samples), (kh, kw), (sh, sw) = x_shape, size, stride
    h_out, w_out = (height - kh) // sh + 1, (width - kw) // sw + 1
    if plane_at_once(h_out, w_out, stride, samples):
        return h_out, width * samples, ((h_out - 1) * width + w_out) * samples
    rows = min(h_out, 2)
    return rows, w_out * samples, rows * w_out * samples


@functools.cache
def convolution(real, x_shape, maps, size, stride, squashing):
    """kernel(x, weights, order, outputs, inputs, bias, sums, y).

    x (C, H·W·N); weights (pairs, KH, KW); pair order[p] leads from map inputs[p] to outputs[p]; sums, workspace
    (C_out, layout[2]); y (C_out, H_out·W_out·N).
    """
    (_, height, width, samples), (kh, kw), (sh, sw) = x_shape, size, stride
    h_out, w_out = (height - kh) // sh + 1, (width - kw) // sw + 1
    rows, pitch, everything = layout(x_shape, size, stride)
    two = rows == 2 and not plane_at_once(h_out, w_out, stride, samples)
    four = two and w_out % 2 == 0 and samples * np.dtype(real).itemsize >= VECTOR and 5 * kh * kw <= LONG
    row, line, step = w_out * samples, width * samples, sw * samples
    if four:
        runs, length, run_step = w_out // 2, samples, 2
    elif sw == 1:
        runs, length, run_step = 1, everything // (2 if two else 1), 0
    else:
        runs, length, run_step = w_out, samples, 1
    below, at_once = sh * line, 4 if four else 2 if two else 1
    kernel_rows = largest_divisor(kh, max(1, LONG // (kw * (1 + at_once))))
    squashed, (A, S), exact = squashing is not None, map(real, squashing or (1, 1)), real is np.float64

    @functools.partial(compiled, fastmath=IN_ORDER)
    def kernel(x, weights, order, outputs, inputs, bias, sums, y):
        full_speed()
        for start in range(0, h_out, rows):
            first = min(start, h_out - rows)  # the last two rows of an odd number: one of them again
            for o in range(maps):
                for i in range(everything):
                    sums[o, i] = bias[o]
            for p in range(len(order)):
                for top in range(0, kh, kernel_rows):
                    k, s = weights[order[p], top:], sums[outputs[p]]
                    seen = x[inputs[p], (first * sh + top) * line :]
                    for run in range(runs):
                        a, pixels = s[run * run_step * samples :], seen[run * run_step * step :]
                        for i in range(length):
                            total = total_beside = total_below = total_across = a[i]
                            if two:
                                total_below = a[pitch + i]
                            if four:
                                total_beside, total_across = a[samples + i], a[pitch + samples + i]
                            for ky in range(kernel_rows):
                                for kx in range(kw):
                                    weight, at = k[ky, kx], ky * line + kx * samples + i
                                    total += weight * pixels[at]
                                    if two:
                                        total_below += weight * pixels[at + below]
                                    if four:
                                        total_beside += weight * pixels[at + step]
                                        total_across += weight * pixels[at + below + step]
                            a[i] = total
                            if two:
                                a[pitch + i] = total_below
                            if four:
                                a[samples + i], a[pitch + samples + i] = total_beside, total_across
            for o in range(maps):
                for r in range(rows):
                    s, out = sums[o, r * pitch :], y[o, (first + r) * row :]
                    for i in range(row):
                        out[i] = squash(s[i], A, S, exact) if squashed else s[i]

    return kernel
