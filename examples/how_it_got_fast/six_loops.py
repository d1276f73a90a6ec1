"""A convolution as its formula says it: six nested loops for every image.

    y[n, o, h, w] = b[o] + sum over c, i, j of k[o, c, i, j] · x[n, c, h + i, w + j]

x (N, C, H, W), k (O, C, K, K), b (O,) -> y (N, O, H_out, W_out). Python decides anew at each of the products what kind
of numbers these are and how to multiply them. That takes hundreds of times as long as the product itself.
"""

import numpy as np


def convolution(x, k, b):
    samples, channels, height, width = x.shape
    maps, _, size, _ = k.shape
    y = np.zeros((samples, maps, height - size + 1, width - size + 1), x.dtype)
    for n in range(samples):
        for o in range(maps):
            for h in range(height - size + 1):
                for w in range(width - size + 1):
                    total = b[o]
                    for c in range(channels):
                        for i in range(size):
                            for j in range(size):
                                total += k[o, c, i, j] * x[n, c, h + i, w + j]
                    y[n, o, h, w] = total
    return y
