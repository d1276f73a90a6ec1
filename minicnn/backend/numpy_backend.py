"""NumPy on the CPU: the reference primitives, those that training spends its time in computed in cheaper forms."""

from functools import lru_cache

import numpy as np

from minicnn.backend.base import Backend, output_size, strided_slices
from minicnn.backend.cores import available_cores

SMALL_PRODUCT = 1200
"""Elements of a product a @ b.T up to which OpenBLAS multiplies without packing its operands first."""


class NumpyBackend(Backend):
    name = "numpy"

    step_samples = 32
    """Feature maps of so many samples stay in a processor's second-level cache from layer to layer."""

    predict_samples = 64

    threads = available_cores()


    def __init__(self):
        super().__init__(np)

    def to_numpy(self, a):
        return np.asarray(a)

    # ------------------------------------------------------------------------------------- convolution

    def im2col(self, x, kernel_size, stride, padding):
        """As ``Backend.im2col``, copying each pixel KW times instead of KH·KW times; read-only.

        Only the horizontal shifts are copied, into ``rows (H, C, KW, W_out·N)``. The receptive fields of output
        row h are then the KH consecutive rows from h·sh on, which lie one behind the other in memory: a strided
        view shows them as the matrix ``(KH·C·KW, W_out·N)``, and neighbouring matrices share memory.
        """
        x = np.ascontiguousarray(self._framed(x, padding))
        (channels, height, width, batch), (kh, kw), (sh, sw) = x.shape, kernel_size, stride
        h_out, w_out = output_size(height, kh, sh), output_size(width, kw, sw)
        rows = self.empty((height, channels, kw, w_out, batch), x.dtype)
        n = x.itemsize  # not x.strides: those of an axis of length 1 can be anything
        w, h, c = batch * n, width * batch * n, height * width * batch * n
        rows[...] = _view(x, rows.shape, (h, c, w, sw * w, n))
        row, line = rows.strides[0], rows.strides[2]
        return _view(rows, (h_out, kh * channels * kw, w_out * batch), (sh * row, line, n))

    def _framed(self, x, padding):
        """x ``(C, H, W, N)`` in a frame of zeros, ``padding`` pixels wide; x itself if it needs none."""
        if padding == (0, 0):
            return x
        (channels, height, width, batch), (ph, pw) = x.shape, padding
        framed = self.empty((channels, height + 2 * ph, width + 2 * pw, batch), x.dtype)
        framed[...] = 0
        framed[:, ph : ph + height, pw : pw + width] = x
        return framed

    def sum_of_products(self, a, b, out):
        """As ``Backend.sum_of_products``, b's rows in blocks small enough that OpenBLAS packs nothing."""
        count, m, length = a.shape
        k = b.shape[1]
        if count == 1:
            return self.outer_products(a[0], b[0], out)
        blocks = _blocks(m, k) if length >= 32 else 1
        products = self.empty((count, blocks, m, k // blocks), out.dtype)
        np.matmul(a[:, None], b.reshape(count, blocks, k // blocks, length).swapaxes(2, 3), out=products)
        return np.add.reduce(products, axis=0, out=out.reshape(m, blocks, -1).swapaxes(0, 1))

    def conv_input_gradient(self, weights, dy, x_shape, kernel_size, stride, padding):
        """As ``Backend.conv_input_gradient``, adding up along the height inside the matrix product.

        With stride 1, input row r receives from the KH output rows r - ky. They lie one behind the other in a
        copy of dy with KH - 1 rows of zeros above and below, so one product with the weights, their rows
        reversed, yields the sum over ky at once: ``(C·KW, KH·C_out) @ (KH·C_out, W_out·N)`` for each row r. Of
        col2im only the KW horizontal shifts remain.
        """
        channels, height, width, batch = x_shape
        (kh, kw), (ph, pw) = kernel_size, padding
        h_out, c_out, line = dy.shape
        w_out = line // batch
        if stride != (1, 1) or h_out < kh:
            return super().conv_input_gradient(weights, dy, x_shape, kernel_size, stride, padding)

        bordered = self.empty((h_out + 2 * (kh - 1), c_out, line), dy.dtype)
        bordered[: kh - 1] = 0
        bordered[kh - 1 : kh - 1 + h_out] = dy
        bordered[kh - 1 + h_out :] = 0
        windows = _view(bordered, (h_out + kh - 1, kh * c_out, line), bordered.strides)
        flipped = weights.reshape(c_out, kh, channels * kw)[:, ::-1].transpose(2, 1, 0)
        rows = self.empty((h_out + kh - 1, channels * kw, line), dy.dtype)
        np.matmul(flipped.reshape(channels * kw, kh * c_out), windows, out=rows)

        shifts = rows.reshape(h_out + kh - 1, channels, kw, w_out, batch).transpose(2, 1, 0, 3, 4)
        padded = self.empty((channels, height + 2 * ph, width + 2 * pw, batch), dy.dtype)
        padded[:, :, :w_out] = shifts[0]
        padded[:, :, w_out:] = 0
        for kx in range(1, kw):
            padded[:, :, kx : kx + w_out] += shifts[kx]
        return padded[:, ph : ph + height, pw : pw + width]

    def col2im(self, cols, x_shape, kernel_size, stride, padding):
        """As ``Backend.col2im``; where one window covers the whole image (C5), nothing is left to add up."""
        channels, height, width, batch = x_shape
        if kernel_size != (height, width) or padding != (0, 0):
            return super().col2im(cols, x_shape, kernel_size, stride, padding)
        dx = self.empty(x_shape, cols.dtype)
        dx[...] = cols.reshape(height, channels, width, batch).swapaxes(0, 1)
        return dx

    # ------------------------------------------------------------------------------- sums and pooling

    def outer_products(self, a, b, out):
        """As ``Backend.outer_products``; np.matmul would not ask BLAS where there is only one sample."""
        return np.dot(a, b.T, out=out)

    def map_sums(self, a, out):
        """As ``Backend.map_sums``, as a product with a vector of ones: several additions at a time."""
        flat = a.reshape(len(a), -1)
        return np.matmul(flat, _ones(flat.shape[1], a.dtype), out=out)

    def map_products(self, a, b, out):
        """As ``Backend.map_products``, as a dot product a map: a·b is never written to memory."""
        maps = len(a)
        return np.matmul(a.reshape(maps, 1, -1), b.reshape(maps, -1, 1), out=out.reshape(maps, 1, 1))

    def squared_distances(self, x, prototypes):
        """As ``Backend.squared_distances``, summed as a product with a vector of ones."""
        differences = self._differences(x, prototypes)
        differences *= differences
        return np.matmul(_ones(len(x), x.dtype), differences)

    def window_sum(self, x, size, stride):
        """As ``Backend.window_sum``, along the height first: size + size additions instead of size·size."""
        channels, h_out, w_out, batch = self._pooled_shape(x.shape, size, stride)
        sums = self.empty((channels, h_out, x.shape[2], batch), x.dtype)
        self._sum([x[:, rows] for rows in strided_slices(x.shape[1], size[0], stride[0])], sums)
        y = self.empty((channels, h_out, w_out, batch), x.dtype)
        return self._sum([sums[:, :, columns] for columns in strided_slices(x.shape[2], size[1], stride[1])], y)

    def _sum(self, arrays, out):
        first, *others = arrays
        if not others:
            out[...] = first
        for array in others:
            first = np.add(first, array, out=out)
        return out

    def max_pool(self, x, size, stride):
        """As ``Backend.max_pool``, winner in bytes: a later place that wins is a larger number than all before."""
        first, *others = self._windows(x.shape, size, stride)
        y = self.empty(self._pooled_shape(x.shape, size, stride), x.dtype)
        winner = self.empty(y.shape, np.uint8)
        better, wins = self.empty(y.shape, bool), self.empty(y.shape, np.uint8)
        y[...] = x[first]
        winner[...] = 0
        for place, window in enumerate(others, start=1):
            np.greater(x[window], y, out=better)
            np.maximum(x[window], y, out=y)
            np.multiply(better.view(np.uint8), np.uint8(place), out=wins)
            np.maximum(winner, wins, out=winner)
        if len(others) > 255 or np.isnan(y).any():  # no comparison with NaN holds
            return super().max_pool(x, size, stride)
        return y, winner

    def max_pool_backward(self, dy, winner, x_shape, size, stride):
        """As ``Backend.max_pool_backward``; where windows tile the image each pixel is written just once."""
        if size != stride or x_shape[1] % size[0] or x_shape[2] % size[1]:
            return super().max_pool_backward(dy, winner, x_shape, size, stride)
        dx = self.empty(x_shape, dy.dtype)
        for place, window in enumerate(self._windows(x_shape, size, stride)):
            np.multiply(dy, winner == place, out=dx[window])
        return dx

    def window_spread(self, dy, x_shape, size, stride):
        """As ``Backend.window_spread``; windows that tile the image need one copy and no additions."""
        channels, height, width, batch = x_shape
        if size != stride or height % size[0] or width % size[1]:
            return super().window_spread(dy, x_shape, size, stride)
        dx = self.empty(x_shape, dy.dtype)
        tiles = dx.reshape(channels, height // size[0], size[0], width // size[1], size[1], batch)
        tiles[...] = dy[:, :, None, :, None]
        return dx


def _view(memory, shape, strides):
    """A read-only view of a contiguous array whose elements may overlap (``as_strided``, at a tenth of its time)."""
    view = np.ndarray(shape, memory.dtype, memory, 0, strides)
    view.flags.writeable = False
    return view


@lru_cache(maxsize=256)
def _blocks(m, k):
    """The smallest number of equal blocks of k rows such that a product (m, block) is a SMALL_PRODUCT."""
    return next(n for n in range(1, k + 1) if k % n == 0 and (m * k // n <= SMALL_PRODUCT or n == k))


@lru_cache(maxsize=64)
def _ones(size, dtype):
    ones = np.ones(size, dtype)
    ones.flags.writeable = False
    return ones
