"""The loops of the beginning in another order, compiled: no column is ever written.

    y[o, h, (w, n)] = b[o] + sum over c, i, j of k[o, c, i, j] · x[c, h + i, (w, n) + j·N]

x (C, H, W, N), k (O, C, K, K), b (O,) -> y (O, H_out, W_out, N). Samples are innermost, so a row of outputs is one
run of W_out·N numbers, and what weight (i, j) adds to it is the run of input row h + i, j·N numbers on. The loop over
the run is the innermost but for the 25 products, whose sizes are constants: the compiler unrolls them, keeps a sum in
a register for all 25, and computes 8 or 16 neighbours of the run at once. 16 samples go through at a time: then what
is read again is still in the cache. `kernels/cpu/convolution.py` does one thing more, two rows and two columns at a
time.
"""

import functools

import numba
import numpy as np

SAMPLES_LAST = True
PART = 16
"""Samples that go through the layer at a time."""


@functools.cache
def kernel(channels, height, width, samples, maps, size):
    """run(x, k, b, y) for these sizes: x (C, H·W·N), y (O, H_out·W_out·N)."""
    h_out, row, line = height - size + 1, (width - size + 1) * samples, width * samples

    @numba.njit(nogil=True, fastmath=True, error_model="numpy")
    def run(x, k, b, y):
        for o in range(maps):
            for h in range(h_out):
                sums = y[o, h * row : (h + 1) * row]
                for i in range(row):
                    sums[i] = b[o]
                for c in range(channels):
                    weights, pixels = k[o, c], x[c, h * line :]
                    for i in range(row):
                        total = sums[i]
                        for ky in range(size):
                            for kx in range(size):
                                total += weights[ky, kx] * pixels[ky * line + kx * samples + i]
                        sums[i] = total

    return run


def part(x, k, b):
    """The convolution of a few samples; x is contiguous."""
    channels, height, width, samples = x.shape
    maps, _, size, _ = k.shape
    y = np.empty((maps, height - size + 1, width - size + 1, samples), x.dtype)
    kernel(channels, height, width, samples, maps, size)(x.reshape(channels, -1), k, b, y.reshape(maps, -1))
    return y


def parts(x):
    """x cut along its samples. The engine's maps lie in parts from the first layer on; here they are copied."""
    return [np.ascontiguousarray(x[..., n : n + PART]) for n in range(0, x.shape[-1], PART)]


def convolution(x, k, b):
    return np.concatenate([part(some, k, b) for some in parts(x)], axis=-1)
