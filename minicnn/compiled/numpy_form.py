"""The convolution in NumPy as fast as NumPy goes, for machines without Numba; everything else by its plain meaning.

im2col's matrix is not written out. Only the KW horizontal shifts of a map are copied, into ``rows`` (H, C, KW,
W_out·N). What an output row h sees are then KH consecutive rows from h·sh on, which lie one behind the other in memory:
a view shows them as a matrix (KH·C·KW, W_out·N), one for each h, and neighbouring matrices share memory. So each pixel
is copied five times instead of 25, and the products run over rows of outputs, which stay in the cache.
"""

import numpy as np

from minicnn.compiled.plain import PlainForm


class NumpyForm(PlainForm):
    """A convolution's three primitives in views and large products, the dearest part of a step."""

    def __init__(self, backend, dtype):
        super().__init__(backend, dtype)
        self.rows_of = {}

    def prepare(self, primitive, *arguments):
        fast = getattr(self, primitive, None)
        return super().prepare(primitive, *arguments) if fast is None else [fast(*arguments)]

    def convolution(self, x, weights, bias, window, connections, squash, y):
        rows, copy = self._rows(x, window)
        self.rows_of[id(x)] = rows
        a = y.reshape(*y.shape[:2], -1).swapaxes(0, 1)

        def call():
            copy()
            np.matmul(self._matrix(weights, window, connections), rows, out=a)
            if bias is not None:
                np.add(y, bias[:, None, None, None], out=y)
            if squash is not None:  # A tanh(S a)
                np.multiply(y, squash[1], out=y)
                np.tanh(y, out=y)
                np.multiply(y, squash[0], out=y)

        return call

    def convolution_weight_gradient(self, d, x, window, connections, dweights, dbias):
        rows, copy = (self.rows_of[id(x)], None) if id(x) in self.rows_of else self._rows(x, window)
        (kh, kw), channels = window.size, connections.inputs
        a, ones = d.reshape(*d.shape[:2], -1).swapaxes(0, 1), np.ones(d[0].size, d.dtype)

        def call():
            if copy is not None:  # the way forward has not left the rows there
                copy()
            dW = np.matmul(a, rows.swapaxes(1, 2)).sum(axis=0).reshape(-1, kh, channels, kw).swapaxes(1, 2)
            np.add(dweights, connections.kernels(dW, dweights.shape), out=dweights)
            if dbias is not None:
                np.add(dbias, d.reshape(len(d), -1) @ ones, out=dbias)

        return call

    def convolution_input_gradient(self, d, weights, x, window, connections, squash, dx):
        """With stride 1 the sums over the height happen in the product: pixel row i takes KH rows of d at once.

        They lie one behind the other in a copy of d with KH - 1 rows of zeros above and below; with the weights' rows
        turned round, one product gives (C·KW, W_out·N) for each i, and KW shifts are left to add.
        """
        if window.stride != (1, 1):
            return super().prepare("convolution_input_gradient", d, weights, x, window, connections, squash, dx)[0]
        (kh, kw), (ph, pw), (channels, height, width, samples) = window.size, window.padding, x.shape
        maps, h_out, w_out = d.shape[:3]
        line = w_out * samples
        framed = self.array((h_out + 2 * (kh - 1), maps, line), d.dtype)
        seen = _overlapping(framed, (h_out + kh - 1, kh * maps, line), framed.strides)
        sums = self.array((h_out + kh - 1, channels * kw, line), d.dtype)
        shifts = sums.reshape(-1, channels, kw, w_out, samples).transpose(2, 1, 0, 3, 4)
        padded = self.array((channels, height + 2 * ph, width + 2 * pw, samples), d.dtype)

        def call():
            framed[kh - 1 : kh - 1 + h_out] = d.reshape(maps, h_out, line).swapaxes(0, 1)
            W = connections.matrix(np, weights).reshape(maps, channels, kh, kw)
            np.matmul(W[:, :, ::-1].transpose(1, 3, 2, 0).reshape(channels * kw, kh * maps), seen, out=sums)
            padded[...] = 0
            for kx in range(kw):
                padded[:, : h_out + kh - 1, kx : kx + w_out] += shifts[kx]
            dx[...] = padded[:, ph : ph + height, pw : pw + width]
            if squash is not None:  # f' = S/A (A² - x²)
                dx[...] *= squash[1] / squash[0] * (squash[0] ** 2 - x * x)

        return call

    def _rows(self, x, window):
        """(what every output row sees (H_out, KH·C·KW, W_out·N), the function that copies x there)."""
        (channels, height, width, samples), (kh, kw), (sh, sw) = x.shape, window.size, window.stride
        (ph, pw), (h_out, w_out) = window.padding, window.outputs(height, width)
        high, wide = height + 2 * ph, width + 2 * pw
        padded = x if window.padding == (0, 0) else self.array((channels, high, wide, samples), x.dtype)
        rows = self.array((high, channels, kw, w_out, samples), x.dtype)
        shifted = [padded[:, :, kx : kx + sw * w_out : sw].swapaxes(0, 1) for kx in range(kw)]
        strides = sh * rows.strides[0], rows.strides[2], x.itemsize
        seen = _overlapping(rows, (h_out, kh * channels * kw, w_out * samples), strides)

        def copy():
            if padded is not x:
                padded[:, ph : ph + height, pw : pw + width] = x
            for kx, pixels in enumerate(shifted):
                rows[:, :, kx] = pixels

        return seen, copy

    def _matrix(self, weights, window, connections):
        """W with its columns in the order ky, c, kx of the rows."""
        W = connections.matrix(np, weights).reshape(connections.outputs, connections.inputs, *window.size)
        return W.swapaxes(1, 2).reshape(connections.outputs, -1)


def _overlapping(memory, shape, strides):
    """A read-only view of a contiguous array whose elements may overlap."""
    view = np.ndarray(shape, memory.dtype, memory, 0, strides)
    view.flags.writeable = False
    return view
