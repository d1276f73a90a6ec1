"""Exercise 11: a gradient check of your own.

Any function can be asked for its slope: change one element of x a little, and see how far the loss moves. Write

    numeric_gradient(x, h)      the gradient of `loss` at x by central differences with the step h, of x's shape
    relative_error(a, n)        how far two numbers are apart: |a - n|, divided by the larger of |a| and |n|, element
                                by element; 0 where both are 0

x may have any number of axes. Leave it as it was.

Stuck? minicnn exercises --only 11 --hint 1     (then 2, then 3: the formula)
"""

import numpy as np


def loss(x):
    """Something to differentiate: a number for an array of any shape."""
    weights = 1 + np.arange(x.size).reshape(x.shape)
    return np.sum(weights * np.sin(x) + x**3)


def numeric_gradient(x, h):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("numeric_gradient")


def relative_error(a, n):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("relative_error")
