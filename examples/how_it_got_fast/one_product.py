"""All maps and all images in one matrix product, which the library for linear algebra has been tuned for.

    Y = W cols + b,    W (O, C·K·K),  cols (C·K·K, N·H_out·W_out),  Y (O, N·H_out·W_out)

x (N, C, H, W), k (O, C, K, K), b (O,) -> y (N, O, H_out, W_out). A row times a matrix reads each number for one
product; a matrix times a matrix uses each many times while it is in a register. But im2col's slices are short, one row
of one image at a time, and Y has to be turned: maps come first in it, images in y.
"""

import numpy as np


def convolution(x, k, b):
    samples, channels, height, width = x.shape
    maps, _, size, _ = k.shape
    h_out, w_out = height - size + 1, width - size + 1
    cols = np.empty((channels, size, size, samples, h_out, w_out), x.dtype)
    for i in range(size):
        for j in range(size):
            cols[:, i, j] = x[:, :, i : i + h_out, j : j + w_out].swapaxes(0, 1)
    y = k.reshape(maps, -1) @ cols.reshape(channels * size * size, -1) + b[:, None]
    return np.ascontiguousarray(y.reshape(maps, samples, h_out, w_out).swapaxes(0, 1))
