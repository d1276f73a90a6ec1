"""The gradient of a convolution's weights and bias, added to what is there.

    dk[o, c][ky, kx] += sum over h, w, n of d[o, h, w, n] · x[c, h·sh + ky, w·sw + kx, n]
    dbias[o]         += sum over h, w, n of d[o, h, w, n]

What makes it fast. Two output maps that read the same input map, and five neighbouring weights of each, are summed up
together: ten sums in registers over one run of contiguous numbers, which use every number that is loaded two or five
times. A wider kernel takes several fives, the last of which may overlap the one before; in a narrower one the last
weight stands for those beyond, and the compiler sees that their sums are the same. A dot product may be added up in any
order (fastmath), so it is vectorised: each sum is a vector of sums, which are added at the end of the run. Up to five
rows are taken at once, for that is as much work as a short run.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_speed
from minicnn.kernels.cpu.product import largest_divisor

MOST_ROWS = 5
"""So many rows are taken at once where they divide the rows of outputs; of more the compiler unrolls too much."""


@functools.cache
def weight_gradient(real, x_shape, d_shape, plane, size, stride):
    """kernel(d, x, pairs, outputs, inputs, dweights, dbias).

    d (C_out, H_out·W_d·N), x (C, H·W·N); the q-th couple of pairs, of one input map inputs[q], are pairs[q] =
    (p, p'), with output maps outputs[q]; p' = p where a pair is left over. plane: whether d lies in rows as long as
    those of x, with zeros at their end, so that all of it is one run. dweights (pairs, KH, KW).
    """
    (_, _, width, samples), (maps, h_out, d_width, _) = x_shape, d_shape
    (kh, kw), (sh, sw) = size, stride
    w_out = (width - kw) // sw + 1
    last, row, line, step, zero = max(0, kw - 5), d_width * samples, width * samples, sw * samples, real(0)
    runs, length = (1, w_out * samples) if sw == 1 else (w_out, samples)
    rows = 1 if plane else largest_divisor(h_out, MOST_ROWS)
    if plane:
        h_out, length = 1, (h_out - 1) * line + length
    at1, at2, at3, at4 = (min(t, kw - 1) * samples for t in (1, 2, 3, 4))

    @compiled
    def kernel(d, x, pairs, outputs, inputs, dweights, dbias):
        full_speed()
        for q in range(len(pairs)):
            for ky in range(kh):
                for start in range(0, kw, 5):
                    kx = min(start, last)
                    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = zero
                    for h in range(0, h_out, rows):
                        seen = x[inputs[q], (h * sh + ky) * line + kx * samples :]
                        da, db = d[outputs[q, 0], h * row :], d[outputs[q, 1], h * row :]
                        for run in range(runs):
                            pixels, u, v = seen[run * step :], da[run * length :], db[run * length :]
                            for i in range(length):
                                for r in range(rows):
                                    a, b, at = u[r * row + i], v[r * row + i], r * sh * line + i
                                    a0 += a * pixels[at]
                                    b0 += b * pixels[at]
                                    a1 += a * pixels[at + at1]
                                    b1 += b * pixels[at + at1]
                                    a2 += a * pixels[at + at2]
                                    b2 += b * pixels[at + at2]
                                    a3 += a * pixels[at + at3]
                                    b3 += b * pixels[at + at3]
                                    a4 += a * pixels[at + at4]
                                    b4 += b * pixels[at + at4]
                    first, second = (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4)
                    for t in range(start - kx, min(5, kw - kx)):
                        dweights[pairs[q, 0], ky, kx + t] += first[t]
                        if pairs[q, 1] != pairs[q, 0]:
                            dweights[pairs[q, 1], ky, kx + t] += second[t]
        for o in range(maps):
            total = zero
            for i in range(d.shape[1]):
                total += d[o, i]
            dbias[o] += total

    return kernel
