"""Exercise 16: batch normalisation backward, the derivation that everybody gets wrong the first time.

For every feature, over the N samples of the batch:

    z = (x - mean) / sqrt(variance + eps),   y = gamma z + beta        x, z, y (features, N),  gamma, beta (features,)

with the mean and the variance (the mean square of x - mean) of that feature. Given x, gamma, eps and dy = dL/dy, return
dgamma, dbeta and dx, in this order. Mind what depends on x: not only the x that you see.

Stuck? minicnn exercises --only 16 --hint 1     (then 2, then 3: the formulas)
"""

import numpy as np  # noqa: F401


def batchnorm_backward(x, gamma, eps, dy):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("batchnorm_backward")
