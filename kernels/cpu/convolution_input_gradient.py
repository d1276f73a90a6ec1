"""What a convolution passes back to its input.

    dx[c, i, j, n] = f'(x) · sum of k[o, c][ky, kx] · d[o, h, w, n]    over the connected o and all ky, kx with
                     h·sh + ky - ph = i, w·sw + kx - pw = j for an output (h, w)

f' is in terms of x = f(...). ``frame.py`` has written the rows of d into a frame of KW - 1 zeros, with zeros between
its columns where the stride leaves some out, so that column j takes d's columns j to j + KW - 1, with the weights of a
row from the last to the first.

What makes it fast. A row of d is read once, five neighbours at a time, and used for all KH rows of the sums that it
reaches: 25 products for ten numbers loaded and five stored. No row of zeros above or below is ever multiplied. As in
``convolution.py`` a row is one run of contiguous numbers, or, where that would be short, the whole plane, and a large
kernel takes several passes.
"""

import functools

from minicnn.kernels.cpu.convolution import plane_at_once
from minicnn.kernels.cpu.jit import compiled, full_speed
from minicnn.kernels.cpu.product import largest_divisor

LONG = 90
"""So many products the compiler still unrolls, in a loop's body."""


@functools.cache
def convolution_input_gradient(real, x_shape, d_shape, size, stride, padding, squashing):
    """kernel(d, weights, outputs, inputs, x, sums, dx).

    d (C_out, H_out·(W + KW - 1)·N), in its frame; pair p leads from map inputs[p] to outputs[p]; x, dx (C, H·W·N);
    sums, workspace of ``sums_shape``.
    """
    (channels, height, width, samples), h_out = x_shape, d_shape[1]
    (kh, kw), sh, ph = size, stride[0], padding[0]
    line, row, zero, last = (width + kw - 1) * samples, width * samples, real(0), kw - 1
    plane = plane_at_once(h_out, width, stride, samples)
    rows, pitch = (h_out, line) if plane else (1, row)
    length = (rows - 1) * line + row
    at1, at2, at3, at4 = (min(t, kw - 1) * samples for t in (1, 2, 3, 4))
    more1, more2, more3, more4 = (kw > t for t in (1, 2, 3, 4))
    kernel_rows = largest_divisor(kh, max(1, LONG // kw))
    squashed, (A, S) = squashing is not None, map(real, squashing or (1, 1))
    square, factor = A * A, S / A

    @compiled
    def kernel(d, weights, outputs, inputs, x, sums, dx):
        full_speed()
        for c in range(channels):
            for i in range(sums.shape[1]):
                sums[c, i] = zero
        for p in range(len(outputs)):
            for top in range(0, kh, kernel_rows):
                k = weights[p, top:]
                for h in range(0, h_out, rows):
                    a, pixels = sums[inputs[p], (h * sh + top) * pitch :], d[outputs[p], h * line :]
                    for i in range(length):
                        p0, p1, p2 = pixels[i], pixels[at1 + i], pixels[at2 + i]
                        p3, p4 = pixels[at3 + i], pixels[at4 + i]
                        for ky in range(kernel_rows):
                            total = a[ky * pitch + i] + k[ky, last] * p0
                            if more1:
                                total += k[ky, last - 1] * p1
                            if more2:
                                total += k[ky, last - 2] * p2
                            if more3:
                                total += k[ky, last - 3] * p3
                            if more4:
                                total += k[ky, last - 4] * p4
                            for t in range(5, kw):
                                total += k[ky, last - t] * pixels[t * samples + i]
                            a[ky * pitch + i] = total
        for c in range(channels):
            for i in range(height):
                s, made, out = sums[c, (i + ph) * pitch :], x[c, i * row :], dx[c, i * row :]
                for j in range(row):
                    out[j] = s[j] * (factor * (square - made[j] * made[j])) if squashed else s[j]

    return kernel


def sums_shape(x_shape, d_shape, size, stride, padding):
    """The workspace: the sums of every pixel of the padded input."""
    channels, height, width, samples = x_shape
    plane = plane_at_once(d_shape[1], width, stride, samples)
    return channels, (height + 2 * padding[0]) * (width + (size[1] - 1) * plane) * samples
