"""The windows of a feature map side by side, and the way back: im2col and col2im for layers that pool."""

from minicnn.backend import output_size


def windows(backend, x, size, stride):
    """What each window of ``size`` every ``stride`` pixels sees.

    x ``(C, H, W, N)`` -> ``(C, KH·KW, H_out, W_out, N)``; axis 1 counts the pixels of a window row by row. A rest at
    the border is left out.
    """
    channels, height, width, batch = x.shape
    h_out, w_out = output_size(height, size[0], stride[0]), output_size(width, size[1], stride[1])
    return backend.im2col(x, size, stride).reshape(channels, size[0] * size[1], h_out, w_out, batch)


def image(backend, fields, x_shape, size, stride):
    """The adjoint of ``windows``: a pixel collects what all windows that see it send back, ``x_shape``."""
    return backend.col2im(fields.reshape(x_shape[0] * size[0] * size[1], -1), x_shape, size, stride)
