"""The gradient of a convolution's weights and bias, added to what is there.

    dk[o, c][ky, kx] += sum over h, w, n of d[o, h, w, n] · x[c, h·sh + ky, w·sw + kx, n]
    dbias[o]         += sum over h, w, n of d[o, h, w, n]

What makes it fast. Two output maps that read the same input map, and five neighbouring weights of each, are summed up
together: ten sums in registers over one run of contiguous numbers, which use every number that is loaded two or five
times. A wider kernel takes several fives, the last of which may overlap the one before; in a narrower one the last
weight stands for those beyond, and the compiler sees that their sums are the same. A dot product may be added up in any
order (fastmath), so it is vectorised.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_width


@functools.cache
def weight_gradient(real, x_shape, d_shape, rows, size, stride):
    """kernel(d, x, pairs, outputs, inputs, dweights, dbias).

    d (C_out, H_out·W_d·N), x (C, H·W·N); the q-th couple of pairs, of one input map inputs[q], are pairs[q] =
    (p, p'), with output maps outputs[q]; p' = p where a pair is left over. rows: 1, or all where d lies in rows as
    long as those of x, with zeros at their end. dweights (pairs, KH, KW).
    """
    (_, _, width, samples), (maps, h_out, d_width, _) = x_shape, d_shape
    (kh, kw), (sh, sw) = size, stride
    w_out = (width - kw) // sw + 1
    zero, step = real(0), sw * samples
    runs, length = (1, ((rows - 1) * width + w_out) * samples) if sw == 1 else (w_out, samples)
    at1, at2, at3, at4 = (min(t, kw - 1) * samples for t in (1, 2, 3, 4))
    last, row, line = max(0, kw - 5), d_width * samples, width * samples

    @compiled
    def kernel(d, x, pairs, outputs, inputs, dweights, dbias):
        full_width()
        for q in range(len(pairs)):
            for ky in range(kh):
                for start in range(0, kw, 5):
                    kx = min(start, last)
                    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = zero
                    for h in range(0, h_out, rows):
                        seen = x[inputs[q], (h * sh + ky) * line + kx * samples :]
                        da = d[outputs[q, 0], h * row :]
                        db = d[outputs[q, 1], h * row :]
                        for run in range(runs):
                            pixels, u, v = seen[run * step :], da[run * length :], db[run * length :]
                            for i in range(length):
                                a0 += u[i] * pixels[i]
                                b0 += v[i] * pixels[i]
                                a1 += u[i] * pixels[at1 + i]
                                b1 += v[i] * pixels[at1 + i]
                                a2 += u[i] * pixels[at2 + i]
                                b2 += v[i] * pixels[at2 + i]
                                a3 += u[i] * pixels[at3 + i]
                                b3 += v[i] * pixels[at3 + i]
                                a4 += u[i] * pixels[at4 + i]
                                b4 += v[i] * pixels[at4 + i]
                    first, second = (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4)
                    for t in range(start - kx, min(5, kw - kx)):
                        dweights[pairs[q, 0], ky, kx + t] += first[t]
                        if pairs[q, 1] != pairs[q, 0]:
                            dweights[pairs[q, 1], ky, kx + t] += second[t]
        for o in range(maps):
            total = zero
            for i in range(h_out * row):
                total += d[o, i]
            dbias[o] += total

    return kernel
