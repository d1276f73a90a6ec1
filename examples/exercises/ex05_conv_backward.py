"""Exercise 5: the gradients of a convolution with a connection table, as LeNet-5's C3 has one.

Output map o reads only the input maps listed in connections[o]:

    y[o, h, w, n] = b[o] + sum over c in connections[o], i, j of W[o, c, i, j] x[c, h·stride + i, w·stride + j, n]

    x (C_in, H, W, N),  W (C_out, C_in, size, size),  b (C_out,),  y (C_out, H_out, W_out, N)

Forward loops over the pixels (i, j) of the window, since `seen` is then a plain slice of x. Write backward: dW and db,
of the shapes of W and b, into self.dW and self.db, and return dx. Where o and c are not connected, dW[o, c] is 0.

Stuck? minicnn exercises --only 5 --hint 1     (then 2, then 3: the formulas)
"""

import numpy as np


class Conv2d:
    def __init__(self, W, b, connections, stride):
        self.W, self.b, self.connections, self.stride = W, b, connections, stride
        self.dW, self.db = 0 * W, 0 * b

    def forward(self, x):
        self.x = x
        outputs, _, size, _ = self.W.shape
        h_out, w_out = ((pixels - size) // self.stride + 1 for pixels in x.shape[1:3])
        y = np.zeros((outputs, h_out, w_out, x.shape[3])) + self.b[:, None, None, None]
        for i in range(size):
            for j in range(size):
                rows = slice(i, i + self.stride * h_out, self.stride)
                columns = slice(j, j + self.stride * w_out, self.stride)
                for o in range(outputs):
                    for c in self.connections[o]:
                        seen = x[c, rows, columns]  # pixel (i, j) of every window: (H_out, W_out, N)
                        y[o] += self.W[o, c, i, j] * seen
        return y

    def backward(self, dy):
        # Your code goes here, in place of the next line.
        raise NotImplementedError("Conv2d.backward")
