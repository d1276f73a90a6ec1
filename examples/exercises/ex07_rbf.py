"""Exercise 7: radial basis function units, LeNet-5's output layer.

Unit i has a fixed prototype w[i], a drawing of its digit, and says how far x is from it:

    y[i, n] = the sum over j of (x[j, n] - w[i, j])²        x (features, N),  w (classes, features),  y (classes, N)

Every feature j goes into every output i, so its gradient is a sum over the classes:

    dx[j, n] = 2 · the sum over i of dy[i, n] (x[j, n] - w[i, j])

Write both functions. Each returns a new array.
"""


def rbf_forward(x, w):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("rbf_forward")


def rbf_backward(x, w, dy):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("rbf_backward")
