"""Exercise 1: the gradients of a linear layer.

A layer turns every sample, a column of x, into a column of y:

    y = W x + b        x (inputs, N),  W (outputs, inputs),  b (outputs,),  y (outputs, N)

Backward is given dy = dL/dy, of the shape of y. By the chain rule

    dW = dy x^T                     (outputs, inputs)     the sum over the samples is inside the product
    db = the sum of dy's columns    (outputs,)
    dx = W^T dy                     (inputs, N)

Write dW and db into self.dW and self.db, and return dx. A second call must not remember the first.
"""


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW, self.db = 0 * W, 0 * b

    def forward(self, x):
        self.x = x
        return self.W @ x + self.b[:, None]

    def backward(self, dy):
        # Your code goes here, in place of the next line.
        raise NotImplementedError("Linear.backward")
