"""LeNet-5's trainable subsampling."""

import numpy as np

from minicnn.initialisers import uniform_fan_in
from minicnn.layers.base import Layer, floating, positive
from minicnn.layers.parameter import Parameter


class Subsampling(Layer):
    """y[c] = coefficient[c] · s[c] + bias[c], where s is the sum over each ``size x size`` block of x[c].

    Shapes: x ``(C, H, W, N)`` -> y ``(C, H/size, W/size, N)``; coefficient and bias ``(C,)``, one of each a map
    (LeCun et al. 1998, section II.B, layers S2 and S4; the squashing function is a layer of its own).

    backward: dcoefficient[c] = sum of s[c] dy[c],  dbias[c] = sum of dy[c],  and every pixel of a block
    receives dx = coefficient[c] dy.

    second_backward: the same with squared factors: sum of s[c]² d2y[c],  sum of d2y[c],  coefficient[c]² d2y.

    Raises ValueError if ``size`` does not divide the height and width of x.
    """

    def __init__(self, channels, size=2, *, init=uniform_fan_in, rng=None, dtype="float32"):
        super().__init__()
        self.channels, self.size = positive("channels", channels), positive("size", size)
        rng, fan_in = np.random.default_rng(rng), self.size**2
        self.coefficient = Parameter(init(rng, (channels,), fan_in).astype(floating(dtype)), "coefficient")
        self.bias = Parameter(init(rng, (channels,), fan_in).astype(floating(dtype)), "bias")
        self.sums = None

    def forward(self, x):
        self._check_input(x, self.channels, "H", "W", "N")
        if x.shape[1] % self.size or x.shape[2] % self.size:
            raise ValueError(f"{self.label}: height and width must be multiples of {self.size}, got {x.shape}")
        window = (self.size, self.size)
        self.x_shape, self.sums = x.shape, self.backend.window_sum(x, window, window)
        y = self.backend.empty(self.sums.shape, x.dtype)
        self.backend.xp.multiply(self.sums, self.coefficient.value[:, None, None, None], out=y)
        y += self.bias.value[:, None, None, None]
        return y

    def backward(self, dy):
        self._check_gradient(dy, None if self.sums is None else self.sums.shape)
        self.backend.map_products(self.sums, dy, out=self.coefficient.grad)
        self.backend.map_sums(dy, out=self.bias.grad)
        ds = self.backend.empty(dy.shape, dy.dtype)
        self.backend.xp.multiply(self.coefficient.value[:, None, None, None], dy, out=ds)
        window = (self.size, self.size)
        return self.backend.window_spread(ds, self.x_shape, window, window)

    def second_backward(self, d2y):
        coefficient, window = self.coefficient.value[:, None, None, None], (self.size, self.size)
        self.coefficient.curvature = (self.sums * self.sums * d2y).sum(axis=(1, 2, 3))
        self.bias.curvature = d2y.sum(axis=(1, 2, 3))
        return self.backend.window_spread(coefficient * coefficient * d2y, self.x_shape, window, window)

    def parameters(self):
        return [self.coefficient, self.bias]

    def describe(self):
        return f"subsampling {self.size}x{self.size}"

    def connections(self, input_shape, output_shape):
        """The inputs of a block and the bias, for every output pixel."""
        channels, height, width = output_shape
        return (self.size**2 + 1) * channels * height * width
