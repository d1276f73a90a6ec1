"""The fully connected layer: three matrix products of few samples with weights W (M, K), N samples innermost.

    dense                   y = f(W x + b)
    dense_input_gradient    dx = W^T d · f'(x),  f' in terms of x = f(...)
    dense_weight_gradient   dW += d x^T,  db += the sum of d's columns

What makes it fast. The loop over the samples is innermost and as long as a vector; its body has the products of up to
eight neighbouring terms of the sum, so that a partial sum is loaded and stored once for eight products, and the next
unit's sums need not wait for it. The weights' gradient runs over k instead, N products at a time, through a transposed
copy of x. With one sample the loops run over k throughout.
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import IN_ORDER, compiled, full_speed
from minicnn.kernels.cpu.squash import squash

MOST_TERMS = 8


def largest_divisor(count, most):
    """The largest divisor of ``count`` that is not above ``most``: so many of ``count`` things are taken at once."""
    return max(divisor for divisor in range(1, most + 1) if count % divisor == 0)


@functools.cache
def dense(real, features, units, samples, squashing):
    """kernel(x, weights, bias, y): x (K·N,), weights (M, K), bias (M,), y (M, N)."""
    step = largest_divisor(features, MOST_TERMS)
    squashed, (A, S), exact = squashing is not None, map(real, squashing or (1, 1)), real is np.float64

    @compiled
    def many(x, weights, bias, y):
        full_speed()
        for o in range(units):
            for n in range(samples):
                y[o, n] = bias[o]
        for k in range(0, features, step):
            terms = x[k * samples :]
            for o in range(units):
                w, s = weights[o, k:], y[o]
                for n in range(samples):
                    total = s[n]
                    for t in range(step):
                        total += w[t] * terms[t * samples + n]
                    s[n] = total
        if squashed:
            for o in range(units):
                for n in range(samples):
                    y[o, n] = squash(y[o, n], A, S, exact)

    @compiled
    def one(x, weights, bias, y):
        full_speed()
        for o in range(units):
            w, total = weights[o], bias[o]
            for k in range(features):
                total += w[k] * x[k]
            y[o, 0] = squash(total, A, S, exact) if squashed else total

    return one if samples == 1 else many


@functools.cache
def dense_input_gradient(real, features, units, samples, squashing):
    """kernel(d, weights, x, dx): d (M·N,), weights (M·K,), x and dx (K·N,)."""
    step, zero = largest_divisor(units, MOST_TERMS), real(0)
    # one loop for both cases: for each k over the samples, or, with one sample, over k
    blocks, length = (features, samples) if samples > 1 else (1, features)
    squashed, (A, S) = squashing is not None, map(real, squashing or (1, 1))
    square, factor, single = A * A, S / A, samples == 1

    @compiled
    def kernel(d, weights, x, dx):
        full_speed()
        for i in range(features * samples):
            dx[i] = zero
        for o in range(0, units, step):
            w, terms = weights[o * features :], d[o * samples :]
            for block in range(blocks):
                s, column = dx[block * length :], w[block:]
                for i in range(length):
                    total = s[i]
                    for t in range(step):
                        if single:
                            total += column[t * features + i] * terms[t]
                        else:
                            total += column[t * features] * terms[t * samples + i]
                    s[i] = total
        if squashed:
            for i in range(features * samples):
                dx[i] *= factor * (square - x[i] * x[i])

    return kernel


@functools.cache
def dense_weight_gradient(real, features, units, samples):
    """kernel(d, x, transposed, dweights, dbias): d (M, N), x (K·N,); transposed, workspace (N·K,).

    Sums are in the order of ``step_end.py``, which makes the same gradients for a batch: the same bits.
    """

    @functools.partial(compiled, fastmath=IN_ORDER)
    def kernel(d, x, transposed, dweights, dbias):
        full_speed()
        for k in range(features):
            for n in range(samples):
                transposed[n * features + k] = x[k * samples + n]
        for o in range(units):
            g, e = dweights[o], d[o]
            for k in range(features):
                total = g[k]
                for n in range(samples):
                    total += e[n] * transposed[n * features + k]
                g[k] = total
            total = dbias[o]
            for n in range(samples):
                total += e[n]
            dbias[o] = total

    return kernel
