"""LeNet-5's output layer and both of the paper's criteria, forward and backward.

    y_i = sum_j (x_j - w_ij)²                                  (equation 7)
    equation 8 (discriminative = False):  E = y_D,                                      g_i = [i = D]
    equation 9 (discriminative = True):   E = y_D + log(exp(-rubbish) + sum_i exp(-y_i)),
                                          g_i = [i = D] - exp(-y_i) / (exp(-rubbish) + sum_k exp(-y_k))
    d_j = scale · f'(x_j) · 2 (x_j sum_i g_i - sum_i g_i w_ij)

The smallest of all exponents is taken out of the logarithm first, so that nothing overflows. Distances and d are loops
over the samples with several terms of the sum in their body; what is done once a sample is a plain loop.
"""

import functools
import math

from minicnn.kernels.cpu.jit import compiled, full_speed
from minicnn.kernels.cpu.product import MOST_TERMS, largest_divisor


@functools.cache
def squared_distances(real, features, classes, samples):
    """kernel(x, prototypes, y): x (J·N,), prototypes (K, J), y (K, N)."""
    step, zero = largest_divisor(features, MOST_TERMS), real(0)

    @compiled
    def kernel(x, prototypes, y):
        full_speed()
        for i in range(classes):
            s = y[i]
            for n in range(samples):
                s[n] = zero
            for j in range(0, features, step):
                terms, w = x[j * samples :], prototypes[i, j:]
                for n in range(samples):
                    total = s[n]
                    for t in range(step):
                        total += (terms[t * samples + n] - w[t]) ** 2
                    s[n] = total

    return kernel


@functools.cache
def squared_distances_backward(real, features, classes, samples, squashing):
    """kernel(g, x, prototypes, dx): dx = 2 (x_j sum_i g_i - sum_i g_i w_ij) · f'(x); g (K·N,), x and dx (J, N)."""
    zero, two, one = real(0), real(2), real(1)
    squashed, (A, S) = squashing is not None, map(real, squashing or (1, 1))
    square, slope = A * A, S / A

    @compiled
    def kernel(g, x, prototypes, dx):
        full_speed()
        for j in range(features):
            value, out, w = x[j], dx[j], prototypes[:, j]
            for n in range(samples):
                total, pulled = zero, zero
                for i in range(classes):
                    total += g[i * samples + n]
                    pulled += g[i * samples + n] * w[i]
                f = slope * (square - value[n] * value[n]) if squashed else one
                out[n] = two * (value[n] * total - pulled) * f

    return kernel


@functools.cache
def rbf_criterion(real, classes, samples, discriminative, rubbish):
    """kernel(y, labels, scale, g, result): g = scale · dE/dy of distances y (K, N); result = (loss, errors)."""
    j, zero, one = real(rubbish if discriminative else 0), real(0), real(1)

    @compiled
    def kernel(y, labels, scale, g, result):
        result[0] = result[1] = 0.0
        for n in range(samples):
            label, nearest = labels[n], 0
            for i in range(classes):
                g[i, n] = zero
                if y[i, n] < y[nearest, n]:
                    nearest = i
            if label < 0:
                continue
            loss = y[label, n]
            if discriminative:
                smallest = min(y[nearest, n], j)
                total = math.exp(smallest - j)
                for i in range(classes):
                    g[i, n] = math.exp(smallest - y[i, n])
                    total += g[i, n]
                loss += math.log(total) - smallest
                for i in range(classes):
                    g[i, n] /= -total
            g[label, n] += one
            for i in range(classes):
                g[i, n] *= scale[0]
            result[0] += loss
            result[1] += nearest != label

    return kernel
