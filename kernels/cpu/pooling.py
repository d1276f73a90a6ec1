"""Pooling without parameters: the largest pixel of every window, or their mean; windows may overlap.

    max_pool             y = the largest pixel, winner = its place in the window, row by row (NaN counts as largest)
    max_pool_backward    dx at the winner's place += d
    avg_pool             y = the mean;     avg_pool_backward    dx at every pixel of the window += d / (KH·KW)

The samples are the innermost loop, the pixels of a window its body. Places are of the pixels' number type: without
AVX-512, numbers that are compared like integers but chosen like pixels would not be vectorised.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_speed


@functools.cache
def max_pool(real, x_shape, y_shape, size, stride):
    """kernel(x, y, winner): x (C, H·W·N), y and winner (C, H_out·W_out·N)."""
    (_, _, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, zero = width * samples, real(0)

    @compiled
    def kernel(x, y, winner):
        full_speed()
        for c in range(maps):
            for h in range(h_out):
                rows = x[c, h * sh * line :]
                for w in range(w_out):
                    pixels, here = rows[w * sw * samples :], (h * w_out + w) * samples
                    best, place = y[c, here:], winner[c, here:]
                    for n in range(samples):
                        largest, at = pixels[n], zero
                        for i in range(kh):
                            for j in range(kw):
                                pixel = pixels[i * line + j * samples + n]
                                better = (pixel > largest) | ((pixel != pixel) & (largest == largest))
                                largest, at = (pixel, real(i * kw + j)) if better else (largest, at)
                        best[n], place[n] = largest, at

    return kernel


@functools.cache
def max_pool_backward(real, x_shape, y_shape, size, stride):
    """kernel(d, winner, dx): d and winner (C, H_out·W_out·N), dx (C, H·W·N)."""
    (_, height, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, zero, tiles = width * samples, real(0), size == stride
    covered = tiles and (h_out * kh, w_out * kw) == (height, width)

    @compiled
    def kernel(d, winner, dx):
        full_speed()
        for c in range(maps):
            for i in range(0 if covered else height * line):
                dx[c, i] = zero
            for h in range(h_out):
                rows = dx[c, h * sh * line :]
                for w in range(w_out):
                    places, here = rows[w * sw * samples :], (h * w_out + w) * samples
                    e, won = d[c, here:], winner[c, here:]
                    for n in range(samples):
                        for i in range(kh):
                            for j in range(kw):
                                share = e[n] if won[n] == real(i * kw + j) else zero
                                place = i * line + j * samples + n
                                places[place] = share if tiles else places[place] + share

    return kernel


@functools.cache
def avg_pool(real, x_shape, y_shape, size, stride):
    """kernel(x, y): x (C, H·W·N), y (C, H_out·W_out·N)."""
    (_, _, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, share, zero = width * samples, real(1 / (kh * kw)), real(0)

    @compiled
    def kernel(x, y):
        full_speed()
        for c in range(maps):
            for h in range(h_out):
                rows = x[c, h * sh * line :]
                for w in range(w_out):
                    pixels, out = rows[w * sw * samples :], y[c, (h * w_out + w) * samples :]
                    for n in range(samples):
                        total = zero
                        for i in range(kh):
                            for j in range(kw):
                                total += pixels[i * line + j * samples + n]
                        out[n] = share * total

    return kernel


@functools.cache
def avg_pool_backward(real, x_shape, y_shape, size, stride):
    """kernel(d, dx): d (C, H_out·W_out·N), dx (C, H·W·N)."""
    (_, height, width, samples), (maps, h_out, w_out, _), (kh, kw), (sh, sw) = x_shape, y_shape, size, stride
    line, area, zero, tiles = width * samples, real(1 / (kh * kw)), real(0), size == stride

    @compiled
    def kernel(d, dx):
        full_speed()
        for c in range(maps):
            for i in range(height * line):
                dx[c, i] = zero
            for h in range(h_out):
                rows = dx[c, h * sh * line :]
                for w in range(w_out):
                    places, e = rows[w * sw * samples :], d[c, (h * w_out + w) * samples :]
                    for n in range(samples):
                        share = area * e[n]
                        for i in range(kh):
                            for j in range(kw):
                                place = i * line + j * samples + n
                                places[place] = share if tiles else places[place] + share

    return kernel
