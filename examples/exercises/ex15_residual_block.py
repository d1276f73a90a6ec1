"""Exercise 15: a residual block, as in networks with a hundred layers.

    h = W1 x,   r = max(h, 0),   y = W2 r + x        x, y (features, N),  W1 (hidden, features),  W2 (features, hidden)

Given W1, W2, x and dy = dL/dy, return dW1, dW2 and dx, in this order.

Before you begin: if both matrices are nearly 0, what is dx? That is why such networks can be so deep.

Stuck? minicnn exercises --only 15 --hint 1     (then 2, then 3: the formulas)
"""

import numpy as np  # noqa: F401


def residual_backward(W1, W2, x, dy):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("residual_backward")
