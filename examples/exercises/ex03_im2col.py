"""Exercise 3: im2col, the receptive fields of a convolution side by side.

x holds C maps of H x W pixels for N samples: x (C, H, W, N). A square window of size x size pixels is laid on the
image, every `stride` pixels, wherever it fits as a whole:

    H_out = (H - size) // stride + 1,    W_out = (W - size) // stride + 1

Write what each window sees into a column:

    cols[(c, i, j), (h, w, n)] = x[c, h·stride + i, w·stride + j, n]     cols (C·size·size, H_out·W_out·N)

(h, w) says which window, (i, j) which pixel of it. The brackets count like a clock: the last index runs fastest. So
fill an array (C, size, size, H_out, W_out, N) and reshape it at the end. Return cols. Loops over i and j are enough: a
slice with a step, like x[:, i : i + 7 : 2], takes the pixel (i, j) of all windows at once.
"""

import numpy as np  # noqa: F401


def im2col(x, size, stride):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("im2col")
