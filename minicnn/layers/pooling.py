"""Pooling without parameters: the largest element, or the mean, of every window."""

from minicnn.backend import output_size
from minicnn.layers.base import Layer, pair


class _Pool2d(Layer):
    """Windows of ``size`` every ``stride`` pixels (default: size); a rest at the border is left out."""

    def __init__(self, size, stride=None):
        super().__init__()
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)
        self.y_shape = None

    def _start(self, x):
        self._check_input(x, "C", "H", "W", "N")
        sizes = [output_size(x.shape[1 + axis], self.size[axis], self.stride[axis]) for axis in (0, 1)]
        if min(sizes) < 1:
            raise ValueError(f"{self.label}: x of shape {x.shape} is smaller than the window {self.size}")
        self.x_shape, self.y_shape = x.shape, (x.shape[0], *sizes, x.shape[3])

    def describe(self):
        return f"{self.kind} pooling {self.size[0]}x{self.size[1]}"

    def connections(self, input_shape, output_shape):
        channels, height, width = output_shape
        return self.size[0] * self.size[1] * channels * height * width


class MaxPool2d(_Pool2d):
    """y = the largest element of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: dy goes to the pixel that won its window, the first in row-major order if several tie.
    """

    kind = "max"

    def forward(self, x):
        self._start(x)
        y, self.winner = self.backend.max_pool(x, self.size, self.stride)
        return y

    def backward(self, dy):
        self._check_gradient(dy, self.y_shape)
        return self.backend.max_pool_backward(dy, self.winner, self.x_shape, self.size, self.stride)

    def second_backward(self, d2y):
        return self.backward(d2y)  # the winner's slope is 1, and so is its square


class AvgPool2d(_Pool2d):
    """y = the mean of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: every pixel of a window receives dy / (pixels in the window).
    """

    kind = "average"

    def forward(self, x):
        self._start(x)
        y = self.backend.window_sum(x, self.size, self.stride)
        y /= self.size[0] * self.size[1]
        return y

    def backward(self, dy):
        self._check_gradient(dy, self.y_shape)
        dx = self.backend.window_spread(dy, self.x_shape, self.size, self.stride)
        dx /= self.size[0] * self.size[1]
        return dx

    def second_backward(self, d2y):
        d2x = self.backward(d2y)
        d2x /= self.size[0] * self.size[1]  # the slope 1 / (pixels in the window), squared
        return d2x
