"""Pooling without parameters: the largest element, or the mean, of every window."""

from minicnn.layers.base import Layer
from minicnn.layers.checks import pair
from minicnn.layers.windows import image, windows


class _Pool2d(Layer):
    """Windows of ``size`` every ``stride`` pixels (default: size); a rest at the border is left out."""

    def __init__(self, size, stride=None):
        super().__init__()
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)
        self.y_shape = None

    def _windows(self, x):
        """x as its windows ``(C, KH·KW, H_out, W_out, N)``, of which forward keeps one number each."""
        self._check_input(x, "C", "H", "W", "N")
        if x.shape[1] < self.size[0] or x.shape[2] < self.size[1]:
            raise ValueError(f"{self.label}: x of shape {x.shape} is smaller than the window {self.size}")
        fields = windows(self.backend, x, self.size, self.stride)
        self.x_shape, self.y_shape = x.shape, (x.shape[0], *fields.shape[2:])
        return fields

    def _image(self, fields):
        """What every pixel of every window sends back, added up in the pixels."""
        return image(self.backend, fields, self.x_shape, self.size, self.stride)

    def describe(self):
        return f"{self.kind} pooling {self.size[0]}x{self.size[1]}"

    def connections(self, input_shape, output_shape):
        channels, height, width = output_shape
        return self.size[0] * self.size[1] * channels * height * width


class MaxPool2d(_Pool2d):
    """y = the largest element of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: dy goes to the pixel that won its window, the first in row-major order if several tie. NaN counts as
    largest.
    """

    kind = "max"

    def forward(self, x):
        fields = self._windows(x)
        self.winner = fields.argmax(axis=1)
        return fields.max(axis=1)

    def backward(self, dy):
        self._check_gradient(dy, self.y_shape)
        places = self.backend.xp.arange(self.size[0] * self.size[1])[:, None, None, None]
        return self._image(dy[:, None] * (self.winner[:, None] == places))

    def second_backward(self, d2y):
        return self.backward(d2y)  # the winner's slope is 1, and so is its square


class AvgPool2d(_Pool2d):
    """y = the mean of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: every pixel of a window receives dy / (pixels in the window).
    """

    kind = "average"

    def forward(self, x):
        return self._windows(x).mean(axis=1)

    def backward(self, dy):
        self._check_gradient(dy, self.y_shape)
        pixels = self.size[0] * self.size[1]
        return self._image((dy / pixels)[:, None].repeat(pixels, axis=1))

    def second_backward(self, d2y):
        return self.backward(d2y) / (self.size[0] * self.size[1])  # the slope 1 / (pixels in the window), squared
