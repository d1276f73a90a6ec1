"""From feature maps to a vector."""

from minicnn.layers.base import Layer


class Flatten(Layer):
    """x ``(C, H, W, N)`` -> y ``(C·H·W, N)``, in the order c, h, w. backward: the same numbers, reshaped."""

    activation = True

    def __init__(self):
        super().__init__()
        self.x_shape = None

    def forward(self, x):
        self._check_input(x, "C", "H", "W", "N")
        self.x_shape = x.shape
        return x.reshape(-1, x.shape[-1])

    def backward(self, dy):
        x_shape = self.x_shape
        self._check_gradient(dy, None if x_shape is None else (x_shape[0] * x_shape[1] * x_shape[2], x_shape[3]))
        return dy.reshape(x_shape)

    def second_backward(self, d2y):
        return self.backward(d2y)
