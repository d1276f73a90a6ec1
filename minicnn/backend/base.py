"""The reference backend: an array namespace and the few primitives worth a kernel, in plain array code."""

from contextlib import contextmanager
from functools import lru_cache

from minicnn.backend.fused import FusedPrimitives


def output_size(size, kernel, stride, padding=0):
    """How many windows of ``kernel`` fit into ``size`` padded pixels: (size + 2 padding - kernel) // stride + 1."""
    return (size + 2 * padding - kernel) // stride + 1


@lru_cache(maxsize=256)
def strided_slices(pixels, size, stride):
    """For every place in a window of ``size``, the pixels there of all windows, one every ``stride``."""
    reach = stride * (output_size(pixels, size, stride) - 1) + 1
    return [slice(i, i + reach, stride) for i in range(size)]


class Workspace:
    """Buffers that are made once and handed out again, in the same order, at every training step.

    A training step asks for the same arrays in the same order each time, so a buffer is found by its place in
    that order, its shape and its dtype. ``rewind`` starts the next step: from then on the arrays of the step
    before are overwritten.
    """

    def __init__(self):
        self._buffers = {}
        self._position = 0

    def rewind(self):
        self._position = 0

    def take(self, xp, shape, dtype):
        key = (self._position, shape, dtype)
        self._position += 1
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = xp.empty(shape, dtype)
        return buffer


class Backend(FusedPrimitives):
    """An array namespace ``xp`` (numpy or cupy) plus primitives that run on it.

    Feature maps are ``(C, H, W, N)``: samples last. Sizes, strides and paddings are pairs (vertical,
    horizontal). This class runs on any NumPy-like namespace; a subclass overrides what it can do faster and
    is tested against this one.
    """

    name = "reference"

    step_samples = None
    """How many samples a training step takes through the layers at once; None is the whole batch."""

    predict_samples = 500
    """How many samples prediction takes through the layers at once."""

    threads = 1
    """How many threads prediction is worth."""

    def __init__(self, xp):
        self.xp = xp
        self.workspace = None

    def __repr__(self):
        return f"{type(self).__name__}()"

    def __reduce__(self):
        return type(self), ()  # a module cannot be pickled, and a workspace stays with its process

    # ------------------------------------------------------------------------------------------- arrays

    def asarray(self, a, dtype=None):
        """``a`` as an array of this backend; copied only if it must be."""
        return self.xp.asarray(a, dtype=dtype)

    def to_numpy(self, a):
        """``a`` as a NumPy array in host memory."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its arrays reach the host")

    def synchronize(self):
        """Wait until everything asked of the device is done (a CPU has nothing to wait for)."""

    def empty(self, shape, dtype):
        """An uninitialised array: a new one, or inside ``reuse_buffers`` the one this step used before."""
        if self.workspace is None:
            return self.xp.empty(shape, dtype)
        return self.workspace.take(self.xp, shape, dtype)

    @contextmanager
    def reuse_buffers(self):
        """Within this block ``empty`` hands out the same buffers at every step; yields the Workspace."""
        outer, self.workspace = self.workspace, Workspace()
        try:
            yield self.workspace
        finally:
            self.workspace = outer

    # ------------------------------------------------------------------------------------- convolution

    def im2col(self, x, kernel_size, stride, padding):
        """Receptive fields as columns, one matrix for each row of outputs.

        x ``(C, H, W, N)`` -> cols ``(H_out, KH·C·KW, W_out·N)`` with

            cols[h, (ky, c, kx), (w, n)] = x[c, h·sh + ky - ph, w·sw + kx - pw, n]

        and zero outside the image, so that ``weights (C_out, KH·C·KW) @ cols`` is the convolution.
        """
        channels, height, width, batch = x.shape
        (kh, kw), (sh, sw), (ph, pw) = kernel_size, stride, padding
        h_out, w_out = output_size(height, kh, sh, ph), output_size(width, kw, sw, pw)
        padded = self.xp.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
        cols = self.empty((h_out, kh, channels, kw, w_out, batch), x.dtype)
        for ky in range(kh):
            for kx in range(kw):
                shifted = padded[:, ky : ky + sh * h_out : sh, kx : kx + sw * w_out : sw]
                cols[:, ky, :, kx] = shifted.swapaxes(0, 1)
        return cols.reshape(h_out, kh * channels * kw, w_out * batch)

    def col2im(self, cols, x_shape, kernel_size, stride, padding):
        """The adjoint of ``im2col``: every element of ``cols`` is added to the pixel it was copied from.

        cols ``(H_out, KH·C·KW, W_out·N)`` -> dx of ``x_shape`` = ``(C, H, W, N)``.
        """
        channels, height, width, batch = x_shape
        (kh, kw), (sh, sw), (ph, pw) = kernel_size, stride, padding
        h_out, w_out = output_size(height, kh, sh, ph), output_size(width, kw, sw, pw)
        cols = cols.reshape(h_out, kh, channels, kw, w_out, batch)
        padded = self.empty((channels, height + 2 * ph, width + 2 * pw, batch), cols.dtype)
        padded[...] = 0
        for ky in range(kh):
            for kx in range(kw):
                pixels = padded[:, ky : ky + sh * h_out : sh, kx : kx + sw * w_out : sw]
                pixels += cols[:, ky, :, kx].swapaxes(0, 1)
        return padded[:, ph : ph + height, pw : pw + width]

    def conv_input_gradient(self, weights, dy, x_shape, kernel_size, stride, padding):
        """``col2im(weights.T @ dy)``: the gradient of a convolution's input.

        weights ``(C_out, KH·C·KW)``, dy ``(H_out, C_out, W_out·N)`` (one matrix a row of outputs, as in
        ``im2col``) -> dx of ``x_shape``.
        """
        cols = self.empty((len(dy), weights.shape[1], dy.shape[2]), dy.dtype)
        self.xp.matmul(weights.T, dy, out=cols)
        return self.col2im(cols, x_shape, kernel_size, stride, padding)

    # -------------------------------------------------------------------------------------------- sums

    def sum_of_products(self, a, b, out):
        """out ``(M, K)`` = sum over h of a[h] @ b[h].T, for a ``(H, M, L)`` and b ``(H, K, L)``."""
        return self.xp.matmul(a, b.swapaxes(1, 2)).sum(axis=0, out=out)

    def outer_products(self, a, b, out):
        """out ``(M, K)`` = a @ b.T, the sum over samples of the outer product of their columns in a and b."""
        return self.xp.matmul(a, b.T, out=out)

    def map_sums(self, a, out):
        """out ``(C,)`` = the sum of each map of a ``(C, ...)``."""
        return a.sum(axis=tuple(range(1, a.ndim)), out=out)

    def map_products(self, a, b, out):
        """out ``(C,)`` = the sum of a·b over each map, for a and b ``(C, ...)``."""
        return self.map_sums(a * b, out)

    def squared_distances(self, x, prototypes):
        """y ``(K, N)`` = sum over j of (x[j] - prototypes[i, j])², for x ``(J, N)`` and prototypes ``(K, J)``."""
        differences = self._differences(x, prototypes)
        differences *= differences
        return differences.sum(axis=1)

    def _differences(self, x, prototypes):
        differences = self.empty((*prototypes.shape, x.shape[1]), x.dtype)
        return self.xp.subtract(x, prototypes[:, :, None], out=differences)

    # --------------------------------------------------------------------------------------- squashing

    def scaled_tanh(self, x, amplitude, slope, out):
        """out = amplitude · tanh(slope · x)."""
        self.xp.multiply(x, slope, out=out)
        self.xp.tanh(out, out=out)
        out *= amplitude

    def scaled_tanh_backward(self, dy, y, amplitude, slope, out):
        """out = slope/amplitude · (amplitude² - y²) · dy, the slope of ``scaled_tanh`` in terms of its y."""
        self.xp.multiply(y, y, out=out)
        self.xp.subtract(amplitude**2, out, out=out)
        out *= dy
        out *= slope / amplitude

    # ----------------------------------------------------------------------------------------- pooling

    def _windows(self, x_shape, size, stride):
        """The slices of (C, H, W, N) that hold pixel (i, j) of every window, row by row."""
        rows, columns = (strided_slices(x_shape[1 + axis], size[axis], stride[axis]) for axis in (0, 1))
        return [(slice(None), i, j) for i in rows for j in columns]

    def _pooled_shape(self, x_shape, size, stride):
        channels, height, width, batch = x_shape
        return channels, output_size(height, size[0], stride[0]), output_size(width, size[1], stride[1]), batch

    def window_sum(self, x, size, stride):
        """y[c, h, w, n] = the sum of x over the window that starts at (h·sh, w·sw): (C, H_out, W_out, N)."""
        first, *others = self._windows(x.shape, size, stride)
        y = self.empty(self._pooled_shape(x.shape, size, stride), x.dtype)
        y[...] = x[first]
        for window in others:
            y += x[window]
        return y

    def window_spread(self, dy, x_shape, size, stride):
        """The adjoint of ``window_sum``: each element of dy is added to all pixels of its window."""
        dx = self.empty(x_shape, dy.dtype)
        dx[...] = 0
        for window in self._windows(x_shape, size, stride):
            dx[window] += dy
        return dx

    def max_pool(self, x, size, stride):
        """The largest element of every window and where it sits.

        -> y ``(C, H_out, W_out, N)`` and winner (integers, same shape): the row-major place of the first largest
        element in its window. NaN counts as largest.
        """
        xp = self.xp
        first, *others = self._windows(x.shape, size, stride)
        y = self.empty(self._pooled_shape(x.shape, size, stride), x.dtype)
        winner = self.empty(y.shape, xp.int32)
        y[...] = x[first]
        winner[...] = 0
        for place, window in enumerate(others, start=1):
            candidate = x[window]
            better = ~(candidate <= y) & (y == y)
            xp.copyto(y, candidate, where=better)
            xp.copyto(winner, place, where=better)
        return y, winner

    def max_pool_backward(self, dy, winner, x_shape, size, stride):
        """Each element of dy goes to the pixel that won its window; overlapping windows add up."""
        dx = self.empty(x_shape, dy.dtype)
        dx[...] = 0
        for place, window in enumerate(self._windows(x_shape, size, stride)):
            dx[window] += dy * (winner == place)
        return dx
