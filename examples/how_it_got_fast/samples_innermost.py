"""The same product with samples last: every copy is a long run, and the result lies as the next layer wants it.

    cols[(c, i, j), (h, w, n)] = x[c, h + i, w + j, n]          y = W cols + b

x (C, H, W, N), k (O, C, K, K), b (O,) -> y (O, H_out, W_out, N). This is `minicnn/layers/conv.py`: W_out·N contiguous
numbers are copied at a time, and nothing is turned. What is left is that cols is 25 times x, written and read again.
"""

import numpy as np

SAMPLES_LAST = True


def convolution(x, k, b):
    channels, height, width, samples = x.shape
    maps, _, size, _ = k.shape
    h_out, w_out = height - size + 1, width - size + 1
    cols = np.empty((channels, size, size, h_out, w_out, samples), x.dtype)
    for i in range(size):
        for j in range(size):
            cols[:, i, j] = x[:, i : i + h_out, j : j + w_out]
    y = k.reshape(maps, -1) @ cols.reshape(channels * size * size, -1) + b[:, None]
    return y.reshape(maps, h_out, w_out, samples)
