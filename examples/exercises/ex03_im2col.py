"""Exercise 3: im2col, the receptive fields of a convolution side by side.

x holds C maps of H x W pixels for N samples: x (C, H, W, N). A square window of size x size pixels is laid on the
image, every `stride` pixels, wherever it fits as a whole: H_out times below each other, W_out times side by side.

Write what each window sees into a column of cols (C·size·size, H_out·W_out·N), and return it. A row is a pixel of the
window, (c, i, j); a column is a window and a sample, (h, w, n). The brackets count like a clock: the last index runs
fastest.

Stuck? minicnn exercises --only 3 --hint 1     (then 2, then 3: the formula)
"""

import numpy as np  # noqa: F401


def im2col(x, size, stride):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("im2col")
