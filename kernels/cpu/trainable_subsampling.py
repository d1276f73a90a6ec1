"""LeNet-5's subsampling with its squashing function, forwards and backwards; windows tile the map.

    s[c, h, w, n] = the sum of the window, x[c, h·size + i, w·size + j, n] over i, j
    subsampling             y = f(coefficient[c] · s + bias[c])
    subsampling_backward    dx[c, h·size + i, w·size + j, n] = coefficient[c] · d[c, h, w, n] · f'(x)
                            dcoefficient[c] += sum of s · d,   dbias[c] += sum of d

The samples are the innermost loop; the pixels of a window are its body. A row of outputs is squashed as one run.
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import compiled, full_speed
from minicnn.kernels.cpu.squash import squash


@functools.cache
def subsampling(real, y_shape, size, squashing):
    """kernel(x, coefficient, bias, y): x (C, H·W·N), y (C, H_out·W_out·N); size = (vertical, horizontal)."""
    (maps, h_out, w_out, samples), (high, wide) = y_shape, size
    line, row, zero = w_out * wide * samples, w_out * samples, real(0)
    squashed, (A, S), exact = squashing is not None, map(real, squashing or (1, 1)), real is np.float64

    @compiled
    def kernel(x, coefficient, bias, y):
        full_speed()
        for c in range(maps):
            factor, offset = coefficient[c], bias[c]
            for h in range(h_out):
                rows, out = x[c, h * high * line :], y[c, h * row :]
                for w in range(w_out):
                    pixels, a = rows[w * wide * samples :], out[w * samples :]
                    for n in range(samples):
                        total = zero
                        for i in range(high):
                            for j in range(wide):
                                total += pixels[i * line + j * samples + n]
                        a[n] = factor * total + offset
                if squashed:
                    for i in range(row):
                        out[i] = squash(out[i], A, S, exact)

    return kernel


@functools.cache
def subsampling_backward(real, d_shape, size, squashing):
    """kernel(d, x, coefficient, dx, dcoefficient, dbias): d (C, H_out·W_out·N), x and dx (C, H·W·N)."""
    (maps, h_out, w_out, samples), (high, wide) = d_shape, size
    line, row, zero, one = w_out * wide * samples, w_out * samples, real(0), real(1)
    squashed, (A, S) = squashing is not None, map(real, squashing or (1, 1))
    square, slope = A * A, S / A

    @compiled
    def kernel(d, x, coefficient, dx, dcoefficient, dbias):
        full_speed()
        for c in range(maps):
            factor, products, sums = coefficient[c], zero, zero
            for h in range(h_out):
                seen, out, errors = x[c, h * high * line :], dx[c, h * high * line :], d[c, h * row :]
                for w in range(w_out):
                    here, there = w * wide * samples, w * samples
                    e, pixels, places = errors[there:], seen[here:], out[here:]
                    for n in range(samples):
                        total = zero
                        for i in range(high):
                            for j in range(wide):
                                pixel = pixels[i * line + j * samples + n]
                                total += pixel
                                f = slope * (square - pixel * pixel) if squashed else one
                                places[i * line + j * samples + n] = factor * e[n] * f
                        products += total * e[n]
                        sums += e[n]
            dcoefficient[c] += products
            dbias[c] += sums

    return kernel
