"""Exercise 19: find the bug.

Twelve layers, forward and backward, each with one line that is wrong, as in real programs. All of them run, and some
even train. dy is dL/dy; each returns y, then the gradients of what it takes, in the same order. Find the line, by the
number behind it, and the reason:

    1  a transpose is missing                       6  the sign is wrong
    2  a mean is taken for a sum, or a sum for a    7  a sum runs along the wrong axis
       mean                                         8  a way back is forgotten: not everything through which x
    3  = where gradients must add up                   goes into y sends its gradient
    4  the slope is taken at the wrong place        9  the mask is turned round
    5  a factor of the function is missing

Write them into `answers`, which returns lines and reasons: two arrays of twelve numbers, 0 for what you have not found
yet. You may run the layers, and let your gradient check of exercise 11 look at them.

Stuck? minicnn exercises --only 19 --hint 1     (then 2, then 3)
"""

import numpy as np


def layer_1(x, W, b, dy):
    """y = W x + b, a sample a column."""
    y = W @ x + b[:, None]  # 1
    dW = dy @ x.T  # 2
    db = dy.mean(axis=1)  # 3
    dx = W.T @ dy  # 4
    return y, dx, dW, db


def layer_2(x, W, dy):
    """y = W x, with as many outputs as inputs."""
    y = W @ x  # 1
    dW = dy @ x.T  # 2
    dx = W @ dy  # 3
    return y, dx, dW


def layer_3(x, dy):
    """y = tanh(x)."""
    y = np.tanh(x)  # 1
    slope = 1 - x**2  # 2
    dx = slope * dy  # 3
    return y, dx


def layer_4(x, dy):
    """y = A tanh(S x)."""
    A, S = 1.7159, 2 / 3  # 1
    y = A * np.tanh(S * x)  # 2
    dx = A * (1 - (y / A) ** 2) * dy  # 3
    return y, dx


def layer_5(x, dy):
    """y = max(x, 0)."""
    y = np.maximum(x, 0)  # 1
    passes = x < 0  # 2
    dx = passes * dy  # 3
    return y, dx


def layer_6(x, c, dy):
    """y = c s, where s adds up neighbouring pairs of x; x (2 m, N), c a number."""
    s = x[::2] + x[1::2]  # 1
    y = c * s  # 2
    dc = np.sum(s * dy)  # 3
    dx = np.zeros_like(x)  # 4
    dx[::2] = c * dy  # 5
    return y, dx, dc


def layer_7(x, dy):
    """Windows of 2 pixels, every pixel: y[0, w] = x[w], y[1, w] = x[w + 1]; x (m, N), y (2, m - 1, N)."""
    y = np.stack([x[:-1], x[1:]])  # 1
    dx = np.zeros_like(x)  # 2
    dx[:-1] += dy[0]  # 3
    dx[1:] = dy[1]  # 4
    return y, dx


def layer_8(z, labels, dy):
    """Softmax cross-entropy, the mean over the samples; y and dy are numbers."""
    terms = np.exp(z - z.max(axis=0))  # 1
    p = terms / terms.sum(axis=0)  # 2
    right = np.arange(len(z))[:, None] == labels  # 3
    y = -np.log(p[right]).mean()  # 4
    dz = (p - right) * dy  # 5
    return y, dz


def layer_9(x, W, dy):
    """y = x + tanh(W x)."""
    r = np.tanh(W @ x)  # 1
    y = x + r  # 2
    da = (1 - r**2) * dy  # 3
    dW = da @ x.T  # 4
    dx = W.T @ da  # 5
    return y, dx, dW


def layer_10(x, dy):
    """y = x less its mean over the samples, for every feature."""
    mean = x.mean(axis=1, keepdims=True)  # 1
    y = x - mean  # 2
    dx = dy.copy()  # 3
    return y, dx


def layer_11(x, w, dy):
    """y[i] = |x - w[i]|², the squared distances from the rows of w."""
    apart = w[:, :, None] - x[None]  # 1
    y = (apart**2).sum(axis=1)  # 2
    dw = 2 * (dy[:, None] * apart).sum(axis=2)  # 3
    dx = 2 * (dy[:, None] * apart).sum(axis=0)  # 4
    return y, dx, dw


def layer_12(x, b, dy):
    """y = x + b, as many features as samples; b is added to every sample."""
    y = x + b[:, None]  # 1
    db = dy.sum(axis=0)  # 2
    dx = dy.copy()  # 3
    return y, dx, db


def answers():
    # Your code goes here, in place of the next line.
    raise NotImplementedError("answers")
