"""Exercise 1: the gradients of a linear layer.

A layer turns every sample, a column of x, into a column of y:

    y = W x + b        x (inputs, N),  W (outputs, inputs),  b (outputs,),  y (outputs, N)

Backward is given dy = dL/dy, of the shape of y. Write dW = dL/dW and db = dL/db, of the shapes of W and b, into
self.dW and self.db, and return dx = dL/dx. All samples share W and b. A second call must not remember the first.

Stuck? minicnn exercises --only 1 --hint 1     (then 2, then 3: the formula)
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
