"""Softmax cross-entropy, forward and backward.

    E = log(sum_i exp(z_i)) - z_D,     d_i = scale · (exp(z_i) / sum_k exp(z_k) - [i = D])

The largest logit is subtracted first, so that nothing overflows.
"""

import functools
import math

from minicnn.kernels.cpu.jit import compiled


@functools.cache
def cross_entropy(real, classes, samples):
    """kernel(z, labels, scale, d, result): z and d (K, N); result = (summed loss, errors)."""
    zero, one = real(0), real(1)

    @compiled
    def kernel(z, labels, scale, d, result):
        result[0] = result[1] = 0.0
        for n in range(samples):
            label, best, total = labels[n], 0, zero
            for i in range(classes):
                if z[i, n] > z[best, n]:
                    best = i
            for i in range(classes):
                d[i, n] = math.exp(z[i, n] - z[best, n])
                total += d[i, n]
            if label < 0:
                for i in range(classes):
                    d[i, n] = zero
                continue
            for i in range(classes):
                d[i, n] = scale[0] * (d[i, n] / total - (one if i == label else zero))
            result[0] += math.log(total) - (z[label, n] - z[best, n])
            result[1] += best != label

    return kernel
