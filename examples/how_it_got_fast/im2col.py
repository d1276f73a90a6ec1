"""What a window sees becomes a column; a map is then a row of weights times all columns.

    cols[(c, i, j), (h, w)] = x[n, c, h + i, w + j]          y[n, o] = k[o] cols + b[o]

x (N, C, H, W), k (O, C, K, K), b (O,) -> y (N, O, H_out, W_out). The two loops over the window's pixels are left, and
each step of them copies a whole image's worth of numbers. Python now decides once for thousands of products.
"""

import numpy as np


def columns(image, size):
    """(C, H, W) -> (C·K·K, H_out·W_out)."""
    channels, height, width = image.shape
    h_out, w_out = height - size + 1, width - size + 1
    cols = np.empty((channels, size, size, h_out, w_out), image.dtype)
    for i in range(size):
        for j in range(size):
            cols[:, i, j] = image[:, i : i + h_out, j : j + w_out]
    return cols.reshape(channels * size * size, h_out * w_out)


def convolution(x, k, b):
    samples, _, height, width = x.shape
    maps, _, size, _ = k.shape
    y = np.empty((samples, maps, height - size + 1, width - size + 1), x.dtype)
    for n in range(samples):
        cols = columns(x[n], size)
        for o in range(maps):
            y[n, o] = (k[o].reshape(-1) @ cols + b[o]).reshape(y.shape[2:])
    return y
