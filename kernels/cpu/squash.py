"""The squashing function f(a) = A tanh(S a), and its slope in terms of y = f(a): f'(a) = S/A (A² - y²).

In float32 tanh is a quotient of two polynomials, x P(x²) / Q(x²) on [-8, 8] and constant outside, within 3 units in
the last place (``tests/benchmarks/fit_tanh.py`` computes the coefficients): no branch, no table, no call, so that
loops over it are vectorised. In float64 tanh is the library's.
"""

import functools
import math

import numpy as np
from minicnn.kernels.cpu.jit import compiled, full_speed, inlined

END = np.float32(8)
P = tuple(
    np.float32(c)
    for c in (0.999999981, 0.129792173, 0.00298585536, 9.8785996e-06, -1.47040348e-08, 2.35081132e-11)
)
Q = tuple(np.float32(c) for c in (1, 0.463125333, 0.0240278977, 0.000237202324))


@inlined
def rational_tanh(x):
    """tanh of a float32."""
    x = END if x > END else x  # NaN stays NaN
    x = -END if x < -END else x
    u = x * x
    p = ((((P[5] * u + P[4]) * u + P[3]) * u + P[2]) * u + P[1]) * u + P[0]
    q = ((Q[3] * u + Q[2]) * u + Q[1]) * u + Q[0]
    return x * p / q


@inlined
def squash(a, amplitude, slope, exact):
    """A tanh(S a)."""
    if exact:
        return amplitude * math.tanh(slope * a)
    return amplitude * rational_tanh(slope * a)


@functools.cache
def scaled_tanh(real, amplitude, slope):
    """kernel(x, y): y = A tanh(S x), element by element."""
    A, S, exact = real(amplitude), real(slope), real is np.float64

    @compiled
    def kernel(x, y):
        full_speed()
        for i in range(len(x)):
            y[i] = squash(x[i], A, S, exact)

    return kernel


@functools.cache
def scaled_tanh_backward(real, amplitude, slope):
    """kernel(d, y, dx): dx = S/A (A² - y²) d."""
    square, factor = real(amplitude * amplitude), real(slope / amplitude)

    @compiled
    def kernel(d, y, dx):
        full_speed()
        for i in range(len(y)):
            dx[i] = factor * (square - y[i] * y[i]) * d[i]

    return kernel
