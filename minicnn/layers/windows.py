"""The windows of a feature map side by side, and the way back: im2col and col2im for layers that pool."""

from minicnn.backend import Backend, output_size
from minicnn.typing import Array, Shape, Sizes


def windows(backend: Backend, x: Array, size: Sizes, stride: Sizes, dilation: Sizes = (1, 1)) -> Array:
    """What each window of ``size`` every ``stride`` pixels sees.

    x ``(C, H, W, N)`` -> ``(C, KH·KW, H_out, W_out, N)``; axis 1 counts the pixels of a window row by row. A rest at
    the border is left out.
    """
    sizes = zip(x.shape[1:3], size, stride, (0, 0), dilation)
    outputs = (output_size(*numbers) for numbers in sizes)
    cols = backend.im2col(x, size, stride, dilation=dilation)
    return cols.reshape(len(x), size[0] * size[1], *outputs, x.shape[3])


def image(backend: Backend, fields: Array, x_shape: Shape, size: Sizes, stride: Sizes,
          dilation: Sizes = (1, 1)) -> Array:  # fmt: skip
    """The adjoint of ``windows``: a pixel collects what all windows that see it send back, ``x_shape``."""
    return backend.col2im(fields.reshape(x_shape[0] * size[0] * size[1], -1), x_shape, size, stride, dilation=dilation)
