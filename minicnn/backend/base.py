"""A backend: an array namespace, and the two textbook primitives that turn a convolution into a matrix product."""

from typing import Any

from minicnn.typing import Array, ArrayLike, DType, Shape, Sizes


def output_size(size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> int:
    """How many windows fit into ``size`` padded pixels: (size + 2 padding - extent) // stride + 1.

    A window of ``kernel`` pixels, ``dilation`` apart, has the extent dilation · (kernel - 1) + 1.
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


class Backend:
    """An array namespace ``xp`` (numpy or cupy) plus the primitives that run on it.

    Feature maps are ``(C, H, W, N)``: samples last. Sizes, strides, paddings and dilations are pairs
    (vertical, horizontal). This class runs on any NumPy-like namespace; a subclass overrides what it can do faster and
    is tested against this one.
    """

    name = "reference"

    reason = "asked for"
    """Why ``get`` took this one."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()  # a module cannot be pickled

    # ------------------------------------------------------------------------------------------- arrays

    def asarray(self, a: ArrayLike, dtype: DType | None = None) -> Array:
        """``a`` as an array of this backend; copied only if it must be."""
        return self.xp.asarray(a, dtype=dtype)

    def to_numpy(self, a: Array) -> Array:
        """``a`` as a NumPy array in host memory."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its arrays reach the host")

    def synchronize(self) -> None:
        """Wait until everything asked of the device is done (a CPU has nothing to wait for)."""

    # -------------------------------------------------------------------------------------- convolution

    def im2col(self, x: Array, kernel_size: Sizes, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
               dilation: Sizes = (1, 1)) -> Array:  # fmt: skip
        """Receptive fields as columns: x ``(C, H, W, N)`` -> cols ``(C·KH·KW, H_out·W_out·N)``.

            cols[(c, ky, kx), (h, w, n)] = x[c, h·sh + ky·dh - ph, w·sw + kx·dw - pw, n]

        and zero outside the image, so that ``W (C_out, C·KH·KW) @ cols`` is the convolution. Here the four windows of
        2x2 pixels in an image of 3x3, each of them a column:

        >>> backend, image = mc.backend.get("numpy"), np.arange(9).reshape(1, 3, 3, 1)
        >>> print(image[0, :, :, 0])
        [[0 1 2]
         [3 4 5]
         [6 7 8]]
        >>> print(backend.im2col(image, (2, 2)))
        [[0 1 3 4]
         [1 2 4 5]
         [3 4 6 7]
         [4 5 7 8]]
        """
        channels, height, width, batch = x.shape
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
        h_out, w_out = output_size(height, kh, sh, ph, dh), output_size(width, kw, sw, pw, dw)
        padded = self.xp.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
        cols = self.xp.empty((channels, kh, kw, h_out, w_out, batch), x.dtype)
        for ky in range(kh):
            for kx in range(kw):
                i, j = ky * dh, kx * dw
                cols[:, ky, kx] = padded[:, i : i + sh * h_out : sh, j : j + sw * w_out : sw]
        return cols.reshape(channels * kh * kw, h_out * w_out * batch)

    def col2im(self, cols: Array, x_shape: Shape, kernel_size: Sizes, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
               dilation: Sizes = (1, 1)) -> Array:  # fmt: skip
        """The adjoint of ``im2col``: every element of ``cols`` is added to the pixel it was copied from.

        cols ``(C·KH·KW, H_out·W_out·N)`` -> dx of ``x_shape`` = ``(C, H, W, N)``. So a column of ones for each window
        counts by how many of them a pixel is seen:

        >>> backend = mc.backend.get("numpy")
        >>> print(backend.col2im(np.ones((4, 4)), (1, 3, 3, 1), (2, 2))[0, :, :, 0])
        [[1. 2. 1.]
         [2. 4. 2.]
         [1. 2. 1.]]
        """
        channels, height, width, batch = x_shape
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
        h_out, w_out = output_size(height, kh, sh, ph, dh), output_size(width, kw, sw, pw, dw)
        cols = cols.reshape(channels, kh, kw, h_out, w_out, batch)
        padded = self.xp.zeros((channels, height + 2 * ph, width + 2 * pw, batch), cols.dtype)
        for ky in range(kh):
            for kx in range(kw):
                i, j = ky * dh, kx * dw
                pixels = padded[:, i : i + sh * h_out : sh, j : j + sw * w_out : sw]
                pixels += cols[:, ky, kx]
        return padded[:, ph : ph + height, pw : pw + width]
