"""LeNet-5's trainable subsampling."""

import numpy as np

from minicnn.initialisers import Initialiser, uniform_fan_in
from minicnn.layers.base import Layer
from minicnn.layers.checks import floating, positive
from minicnn.layers.parameter import Parameter
from minicnn.layers.windows import image, windows
from minicnn.typing import Array, DType, Seed, Shape


class Subsampling(Layer):
    """y[c] = coefficient[c] · s[c] + bias[c], where s is the sum over each ``size x size`` block of x[c].

    Shapes: x ``(C, H, W, N)`` -> y ``(C, H/size, W/size, N)``; coefficient and bias ``(C,)``, one of each a map
    (LeCun et al. 1998, section II.B, layers S2 and S4; the squashing function is a layer of its own).

    backward: dcoefficient[c] = sum of s[c] dy[c],  dbias[c] = sum of dy[c],  and every pixel of a block
    receives dx = coefficient[c] dy.

    second_backward: the same with squared factors: sum of s[c]² d2y[c],  sum of d2y[c],  coefficient[c]² d2y.

    init: of the coefficients, whose fan-in is size²; bias_init: of the biases, by default the same. Raises ValueError
    if ``size`` does not divide the height and width of x.

    >>> S2 = mc.Subsampling(1)
    >>> S2.coefficient.value, S2.bias.value = np.array([0.5]), np.array([1.0])
    >>> x = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
    >>> S2.forward(x).item()
    6.0
    """

    def __init__(self, channels: int, size: int = 2, *, init: Initialiser = uniform_fan_in,
                 bias_init: Initialiser | None = None, rng: Seed = None, dtype: DType = "float32") -> None:  # fmt: skip
        super().__init__()
        self.channels, self.size = positive("channels", channels), positive("size", size)
        rng, dtype, fan_in = np.random.default_rng(rng), floating(dtype), self.size**2
        self.coefficient = Parameter(init(rng, (channels,), fan_in).astype(dtype), "coefficient")
        self.bias = Parameter((bias_init or init)(rng, (channels,), fan_in).astype(dtype), "bias")
        self.sums: Array | None = None

    def forward(self, x: Array) -> Array:
        """``(C, H, W, N)`` -> ``(C, H/size, W/size, N)``."""
        self._check_input(x, self.channels, "H", "W", "N")
        self._check_blocks(x)
        self.x_shape, block = x.shape, (self.size, self.size)
        self.sums = windows(self.backend, x, block, block).sum(axis=1)
        return maps(self.coefficient) * self.sums + maps(self.bias)

    def backward(self, dy: Array) -> Array:
        """``(C, H/size, W/size, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(dy, None if self.sums is None else self.sums.shape)
        self.coefficient.grad = (self.sums * dy).sum(axis=(1, 2, 3))
        self.bias.grad = dy.sum(axis=(1, 2, 3))
        return self._spread(maps(self.coefficient) * dy)

    def second_backward(self, d2y: Array) -> Array:
        """``(C, H/size, W/size, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(d2y, None if self.sums is None else self.sums.shape, "d2y")
        self.coefficient.curvature = (self.sums**2 * d2y).sum(axis=(1, 2, 3))
        self.bias.curvature = d2y.sum(axis=(1, 2, 3))
        return self._spread(maps(self.coefficient) ** 2 * d2y)

    def _spread(self, ds: Array) -> Array:
        """The same number for every pixel of a block: how each of them counts in s."""
        block = (self.size, self.size)
        return image(self.backend, ds[:, None].repeat(self.size**2, axis=1), self.x_shape, block, block)

    # ---------------------------------------------------------------------------------- checks and words

    def _check_blocks(self, x: Array) -> None:
        if x.shape[1] % self.size or x.shape[2] % self.size:
            raise ValueError(f"{self.label}: height and width must be multiples of {self.size}, got {x.shape}")

    def describe(self) -> str:
        return f"subsampling {self.size}x{self.size}"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        """The inputs of a block and the bias, for every output pixel."""
        channels, height, width = output_shape
        return (self.size**2 + 1) * channels * height * width


def maps(parameter: Parameter) -> Array:
    """A number for each map, as ``(C, 1, 1, 1)``: it meets every pixel of its map."""
    return parameter.value[:, None, None, None]
