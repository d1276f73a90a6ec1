"""The gradient of a convolution's weights and bias, added to what is there.

    dk[o, c][ky, kx] += sum over h, w, n of d[o, h, w, n] · x[c, h·sh + ky, w·sw + kx, n]
    dbias[o]         += sum over h, w, n of d[o, h, w, n]

What makes it fast. Two output maps that read the same input map and five neighbouring weights of each are summed up
together: ten sums in registers over one run of contiguous numbers, which use every number that is loaded two or five
times. A weight beyond the kernel's edge repeats the last one; the compiler sees that both sums are the same. A dot
product may be added up in any order (fastmath), so it is vectorised.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_width


@functools.cache
def weight_gradient(real, x_shape, d_shape, rows, size, stride):
    """kernel(d, x, pairs, outputs, inputs, dweights, dbias).

    d (C_out, H_out, W_d·N), x (C, H, W·N); the q-th couple of pairs, of one input map inputs[q], are pairs[q] =
    (p, p'), with output maps outputs[q]; p' = p where a pair is left over. rows: 1, or all where d lies in rows as
    long as those of x, with zeros at their end. dweights (pairs, KH, KW).
    """
    (_, height, width, samples), (maps, h_out, d_width, _) = x_shape, d_shape
    (kh, kw), (sh, sw) = size, stride
    w_out = (width - kw) // sw + 1
    zero, last, step = real(0), kw - 1, sw * samples
    runs, length = (1, ((rows - 1) * width + w_out) * samples) if sw == 1 else (w_out, samples)
    everything = d_width * samples

    @compiled
    def kernel(d, x, pairs, outputs, inputs, dweights, dbias):
        full_width()
        for q in range(len(pairs)):
            for ky in range(kh):
                for kx in range(0, kw, 5):
                    k1, k2, k3, k4 = min(kx + 1, last), min(kx + 2, last), min(kx + 3, last), min(kx + 4, last)
                    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = zero
                    for h in range(0, h_out, rows):
                        line = x[inputs[q], h * sh + ky : h * sh + ky + rows].reshape(-1)
                        da = d[outputs[q, 0], h : h + rows].reshape(-1)
                        db = d[outputs[q, 1], h : h + rows].reshape(-1)
                        for run in range(runs):
                            pixels, u, v = line[run * step :], da[run * length :], db[run * length :]
                            for i in range(length):
                                pixel = pixels[kx * samples + i]
                                a0 += u[i] * pixel
                                b0 += v[i] * pixel
                                pixel = pixels[k1 * samples + i]
                                a1 += u[i] * pixel
                                b1 += v[i] * pixel
                                pixel = pixels[k2 * samples + i]
                                a2 += u[i] * pixel
                                b2 += v[i] * pixel
                                pixel = pixels[k3 * samples + i]
                                a3 += u[i] * pixel
                                b3 += v[i] * pixel
                                pixel = pixels[k4 * samples + i]
                                a4 += u[i] * pixel
                                b4 += v[i] * pixel
                    first, second = (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4)
                    for t in range(min(5, kw - kx)):
                        dweights[pairs[q, 0], ky, kx + t] += first[t]
                        if pairs[q, 1] != pairs[q, 0]:
                            dweights[pairs[q, 1], ky, kx + t] += second[t]
        for o in range(maps):
            total = zero
            for h in range(h_out):
                line = d[o, h]
                for i in range(everything):
                    total += line[i]
            dbias[o] += total

    return kernel
