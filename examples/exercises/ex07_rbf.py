"""Exercise 7: radial basis function units, LeNet-5's output layer.

Unit i has a fixed prototype w[i], a drawing of its digit, and says how far x is from it:

    y[i, n] = the sum over j of (x[j, n] - w[i, j])²        x (features, N),  w (classes, features),  y (classes, N)

Write both functions: y, and dx = dL/dx from dy = dL/dy. Each returns a new array.

Stuck? minicnn exercises --only 7 --hint 1     (then 2, then 3: the formula)
"""


def rbf_forward(x, w):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("rbf_forward")


def rbf_backward(x, w, dy):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("rbf_backward")
