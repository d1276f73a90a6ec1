"""Pooling without parameters: the largest element or the mean of every window, and the mean of every whole map."""

import math

from minicnn.layers.base import Layer
from minicnn.layers.checks import pair, yes_or_no
from minicnn.layers.windows import image, windows
from minicnn.typing import Array, Pair, Shape


class _Pool2d(Layer):
    """Windows of ``size`` every ``stride`` pixels (default: size), over the image and ``padding`` pixels around it.

    A rest at the border that is too small for a window is left out. With ``ceil_mode`` it gets one that reaches over
    the edge, unless it would begin behind the image.
    """

    kind: str
    dilation = 1, 1

    def __init__(self, size: Pair, stride: Pair | None, padding: Pair, ceil_mode: bool) -> None:
        super().__init__()
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)
        self.padding, self.ceil_mode = pair("padding", padding, minimum=0), yes_or_no("ceil_mode", ceil_mode)
        if any(2 * p > k for p, k in zip(self.padding, self.size)):
            raise ValueError(f"padding must be at most half the window, {self.size}, got {self.padding}")
        self.y_shape: Shape | None = None

    def _windows(self, x: Array, outside: float) -> Array:
        """x as its windows ``(C, KH·KW, H_out, W_out, N)``; what they see beyond the image is ``outside``."""
        self._check_input(x, "C", "H", "W", "N")
        framed = self.backend.xp.pad(x, ((0, 0), *self._borders(x.shape), (0, 0)), constant_values=outside)
        fields = windows(self.backend, framed, self.size, self.stride, self.dilation)
        self.x_shape, self.framed_shape, self.y_shape = x.shape, framed.shape, (len(x), *fields.shape[2:])
        return fields

    def _image(self, fields: Array) -> Array:
        """What every pixel of every window sends back, added up in the pixels of the image."""
        framed = image(self.backend, fields, self.framed_shape, self.size, self.stride, self.dilation)
        (_, height, width, _), (top, left) = self.x_shape, self.padding
        return framed[:, top : top + height, left : left + width]

    def _borders(self, x_shape: Shape) -> tuple[tuple[int, int], ...]:
        """((above, below), (left, right)): how many pixels around the image the windows see."""
        borders = []
        for size, k, s, p, d in zip(x_shape[1:3], self.size, self.stride, self.padding, self.dilation):
            extent = d * (k - 1) + 1  # from a window's first pixel to its last
            rest = (size + 2 * p - extent) % s  # behind the last window
            begins = size + p - extent - rest + s  # where one more would begin
            over = s - rest if self.ceil_mode and rest and begins < size else 0
            if size + 2 * p + over < extent:
                raise ValueError(f"{self.label}: x of shape {tuple(x_shape)} is smaller than the window {self.size}")
            borders.append((p, p + over))
        return tuple(borders)

    def describe(self) -> str:
        return f"{self.kind} pooling {self.size[0]}x{self.size[1]}"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        return math.prod(self.size) * math.prod(output_shape)


class MaxPool2d(_Pool2d):
    """y = the largest element of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: dy goes to the pixel that won its window, the first in row-major order if several tie. NaN counts as
    largest. Beyond the image is -inf, so that no pixel there wins against one of the image.

    stride, padding, ceil_mode: where the windows lie, as PyTorch has it. Without padding H_out = (H - size) // stride
    + 1. dilation: how far apart the pixels of a window are. Raises ValueError or TypeError for settings that make no
    sense, as padding by more than half a window, and for an x that no window fits in.
    """

    kind = "max"

    def __init__(self, size: Pair, stride: Pair | None = None, *, padding: Pair = 0, dilation: Pair = 1,
                 ceil_mode: bool = False) -> None:  # fmt: skip
        super().__init__(size, stride, padding, ceil_mode)
        self.dilation = pair("dilation", dilation)

    def forward(self, x: Array) -> Array:
        """``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``."""
        fields = self._windows(x, outside=-math.inf)
        self.winner = fields.argmax(axis=1)
        return fields.max(axis=1)

    def backward(self, dy: Array) -> Array:
        """``(C, H_out, W_out, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(dy, self.y_shape)
        places = self.backend.xp.arange(math.prod(self.size))[:, None, None, None]
        return self._image(dy[:, None] * (self.winner[:, None] == places))

    def second_backward(self, d2y: Array) -> Array:
        """``(C, H_out, W_out, N)`` -> ``(C, H, W, N)``."""
        return self.backward(d2y)  # the winner's slope is 1, and so is its square


class AvgPool2d(_Pool2d):
    """y = the mean of each window; ``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``.

    backward: every pixel of a window receives dy / (pixels in the window).

    The padding is zeros. With ``count_include_pad`` they count as pixels in the window, else only those of the image
    do; what lies beyond the padding, where ``ceil_mode`` reaches, never counts. The rest as for ``MaxPool2d``.
    """

    kind = "average"

    def __init__(self, size: Pair, stride: Pair | None = None, *, padding: Pair = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:  # fmt: skip
        super().__init__(size, stride, padding, ceil_mode)
        self.count_include_pad = yes_or_no("count_include_pad", count_include_pad)

    def forward(self, x: Array) -> Array:
        """``(C, H, W, N)`` -> ``(C, H_out, W_out, N)``."""
        fields = self._windows(x, outside=0)
        self.pixels = self._pixels(x)
        return fields.sum(axis=1) / self.pixels

    def backward(self, dy: Array) -> Array:
        """``(C, H_out, W_out, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(dy, self.y_shape)
        return self._image(self._every_pixel(dy / self.pixels))

    def second_backward(self, d2y: Array) -> Array:
        """``(C, H_out, W_out, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(d2y, self.y_shape, "d2y")
        return self._image(self._every_pixel(d2y / self.pixels**2))  # the slope 1 / pixels, squared

    def _every_pixel(self, dy: Array) -> Array:
        """The same number for every pixel of a window."""
        return dy[:, None].repeat(math.prod(self.size), axis=1)

    def _pixels(self, x: Array) -> Array:
        """How many pixels of each window count, ``(H_out, W_out, 1)``: height by width of what is inside."""
        xp, sides = self.backend.xp, []
        for size, k, s, p, outputs in zip(x.shape[1:3], self.size, self.stride, self.padding, self.y_shape[1:3]):
            begins, beyond = xp.arange(outputs) * s - p, p if self.count_include_pad else 0
            sides.append(xp.minimum(begins + k, size + beyond) - xp.maximum(begins, -beyond))
        return (sides[0][:, None, None] * sides[1][:, None]).astype(x.dtype)


class GlobalAvgPool2d(Layer):
    """y[c] = the mean of map c; ``(C, H, W, N)`` -> ``(C, 1, 1, N)``.

    backward: every pixel receives dx = dy / (H W);  second_backward: d2y / (H W)².
    """

    def __init__(self) -> None:
        super().__init__()
        self.x_shape: Shape | None = None

    def forward(self, x: Array) -> Array:
        """``(C, H, W, N)`` -> ``(C, 1, 1, N)``."""
        self._check_input(x, "C", "H", "W", "N")
        self.x_shape, self.pixels = x.shape, x.shape[1] * x.shape[2]
        return x.mean(axis=(1, 2), keepdims=True)

    def backward(self, dy: Array) -> Array:
        """``(C, 1, 1, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(dy, self.x_shape and (self.x_shape[0], 1, 1, self.x_shape[3]))
        return self._every_pixel(dy / self.pixels)

    def second_backward(self, d2y: Array) -> Array:
        """``(C, 1, 1, N)`` -> ``(C, H, W, N)``."""
        self._check_gradient(d2y, self.x_shape and (self.x_shape[0], 1, 1, self.x_shape[3]), "d2y")
        return self._every_pixel(d2y / self.pixels**2)

    def _every_pixel(self, dy: Array) -> Array:
        """The same number for every pixel of a map."""
        return self.backend.xp.broadcast_to(dy, self.x_shape).copy()

    def describe(self) -> str:
        return "average of each map"

    def connections(self, input_shape: Shape, output_shape: Shape) -> int:
        return math.prod(input_shape)
