"""Dropout by masks that are drawn already: y = m · x, dx = m · d · f'(x), m = 1/(1 - p) where kept, else 0.

Sample n of this part stands at position[0] + n of the epoch's order, and in the mask's column that is first[0] less.
``squashing`` = (A, S) of the f = A tanh(S a) that made x, or None.
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_speed


@functools.cache
def dropout(real, elements, samples, p):
    """kernel(x, kept, position, first, y): x and y (elements, samples), kept (elements, columns)."""
    factor = real(1) / real(1 - p)

    @compiled
    def kernel(x, kept, position, first, y):
        full_speed()
        start = position[0] - first[0]
        for e in range(elements):
            mask = kept[e, start:]
            for n in range(samples):
                y[e, n] = factor * real(mask[n]) * x[e, n]

    return kernel


@functools.cache
def dropout_backward(real, elements, samples, p, squashing):
    """kernel(d, kept, position, first, x, dx)"""
    squashed, (A, S) = squashing is not None, squashing or (1, 1)
    factor, slope, square, one = real(1) / real(1 - p), real(S / A), real(A * A), real(1)

    @compiled
    def kernel(d, kept, position, first, x, dx):
        full_speed()
        start = position[0] - first[0]
        for e in range(elements):
            mask = kept[e, start:]
            for n in range(samples):
                f = slope * (square - x[e, n] * x[e, n]) if squashed else one
                dx[e, n] = factor * real(mask[n]) * d[e, n] * f

    return kernel
