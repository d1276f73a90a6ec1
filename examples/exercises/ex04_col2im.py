"""Exercise 4: col2im, the way back from exercise 3.

im2col copied the pixels of x into windows. Backward, every copy brings a gradient, and a pixel that was copied
several times collects all of them:

    dx[c, p, q, n] = the sum of dcols[(c, i, j), (h, w, n)] over all i, j, h, w
                     with h·stride + i = p and w·stride + j = q

dcols (C·size·size, H_out·W_out·N) is given, and x_shape = (C, H, W, N). Return dx of that shape. A pixel that no
window saw has gradient 0. Begin with a reshape, the one that ended exercise 3 backwards.
"""

import numpy as np  # noqa: F401


def col2im(dcols, x_shape, size, stride):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("col2im")
