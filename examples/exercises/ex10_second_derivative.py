"""Exercise 10: the diagonal second derivative, which gives every weight a step of its own.

LeCun et al. 1998 (appendix C) divide the step of each weight w_k by h_kk, an estimate of d²E/dw_k². It goes
backwards through the network just as the gradient does; but what the gradient multiplies by a slope, the second
derivative multiplies by the slope *squared*. (Terms with f'' are left out, so h can never be negative: this is
the Gauss-Newton approximation.)

Given d2y, the second derivatives of E with respect to the outputs y:

    linear layer   y = W x + b     h_W[i, j] = the sum over n of d2y[i, n] x[j, n]²
                                   h_b[i]    = the sum over n of d2y[i, n]
                                   d2x[j, n] = the sum over i of W[i, j]² d2y[i, n]
    squashing      y = f(a)        d2a = f'(a)² d2y,    with f'(a) = A S (1 - (y/A)²) as in exercise 2

Shapes as in exercises 1 and 2. Write both functions; linear_second returns h_W, h_b and d2x.
"""

A = 1.7159
S = 2 / 3


def linear_second(W, x, d2y):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("linear_second")


def squash_second(y, d2y):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("squash_second")
