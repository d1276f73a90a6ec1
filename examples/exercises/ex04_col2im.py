"""Exercise 4: col2im, the way back from exercise 3.

im2col copied the pixels of x (C, H, W, N) into the columns of cols, each of them once for every window that sees it.
Given dcols = dL/dcols (C·size·size, H_out·W_out·N) and x_shape = (C, H, W, N), return dx = dL/dx of that shape. A pixel
that no window saw has gradient 0.

Stuck? minicnn exercises --only 4 --hint 1     (then 2, then 3: the formula)
"""

import numpy as np  # noqa: F401


def col2im(dcols, x_shape, size, stride):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("col2im")
