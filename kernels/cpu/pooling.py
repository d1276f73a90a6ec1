"""Pooling without parameters: the largest pixel of every window, or their mean; windows may overlap.

    max_pool             y = the largest pixel, winner = its place in the window, row by row (NaN counts as largest)
    max_pool_backward    dx at the winner's place += d
    avg_pool             y = the mean;     avg_pool_backward    dx at every pixel of the window += d / (KH·KW)

The samples are the innermost loop throughout.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_width


@functools.cache
def max_pool(real, x_shape, y_shape, size, stride):
    """kernel(x, y, winner): x (C, H, W·N), y and winner (C, H_out, W_out·N)."""
    (_, _, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line = width * samples

    @compiled
    def kernel(x, y, winner):
        full_width()
        for c in range(maps):
            for h in range(h_out):
                rows = x[c, h * sh : h * sh + kh].reshape(-1)
                for w in range(w_out):
                    pixels, best, place = rows[w * sw * samples :], y[c, h, w * samples :], winner[c, h, w * samples :]
                    for n in range(samples):
                        largest, at = pixels[n], 0
                        for i in range(kh):
                            for j in range(kw):
                                pixel = pixels[i * line + j * samples + n]
                                better = (pixel > largest) | ((pixel != pixel) & (largest == largest))
                                largest, at = (pixel, i * kw + j) if better else (largest, at)
                        best[n], place[n] = largest, at

    return kernel


@functools.cache
def max_pool_backward(real, x_shape, y_shape, size, stride):
    """kernel(d, winner, dx): d and winner (C, H_out, W_out·N), dx (C, H, W·N)."""
    (_, height, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, zero = width * samples, real(0)

    @compiled
    def kernel(d, winner, dx):
        full_width()
        for c in range(maps):
            for h in range(height):
                for i in range(line):
                    dx[c, h, i] = zero
            for h in range(h_out):
                rows = dx[c, h * sh : h * sh + kh].reshape(-1)
                for w in range(w_out):
                    places, e, won = rows[w * sw * samples :], d[c, h, w * samples :], winner[c, h, w * samples :]
                    for i in range(kh):
                        for j in range(kw):
                            for n in range(samples):
                                places[i * line + j * samples + n] += e[n] if won[n] == i * kw + j else zero

    return kernel


@functools.cache
def avg_pool(real, x_shape, y_shape, size, stride):
    """kernel(x, y): x (C, H, W·N), y (C, H_out, W_out·N)."""
    (_, _, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, share, zero = width * samples, real(1 / (kh * kw)), real(0)

    @compiled
    def kernel(x, y):
        full_width()
        for c in range(maps):
            for h in range(h_out):
                rows = x[c, h * sh : h * sh + kh].reshape(-1)
                for w in range(w_out):
                    pixels, out = rows[w * sw * samples :], y[c, h, w * samples :]
                    for n in range(samples):
                        total = zero
                        for i in range(kh):
                            for j in range(kw):
                                total += pixels[i * line + j * samples + n]
                        out[n] = share * total

    return kernel


@functools.cache
def avg_pool_backward(real, x_shape, y_shape, size, stride):
    """kernel(d, dx): d (C, H_out, W_out·N), dx (C, H, W·N)."""
    (_, height, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, share, zero = width * samples, real(1 / (kh * kw)), real(0)

    @compiled
    def kernel(d, dx):
        full_width()
        for c in range(maps):
            for h in range(height):
                for i in range(line):
                    dx[c, h, i] = zero
            for h in range(h_out):
                rows = dx[c, h * sh : h * sh + kh].reshape(-1)
                for w in range(w_out):
                    places, e = rows[w * sw * samples :], d[c, h, w * samples :]
                    for i in range(kh):
                        for j in range(kw):
                            for n in range(samples):
                                places[i * line + j * samples + n] += share * e[n]

    return kernel
