"""What a compiled step is made of, in plain array code: the meaning of every primitive.

The fast forms, loops for the CPU (``minicnn.compiled.cpu``, kernels/cpu) and CUDA for the GPU
(``minicnn.compiled.cuda``, kernels/cuda), are tested against these functions. They run on NumPy and on CuPy, and do
the work wherever a fast form is missing.

Conventions. Every result is written to an array that is given. ``squash`` is (A, S) of a squashing function
f(a) = A tanh(S a), or None for the identity. ``d`` is a gradient with respect to a layer's output *before* its f; so a
gradient on its way back goes through the f that made ``x``, the layer's input: that is the ``squash`` of the backward
primitives. Gradients of parameters are added to what their arrays hold, for a batch is taken in parts. A batch may
be filled up with samples that do not count: their label is NOBODY, their loss and gradient 0.
"""

from dataclasses import dataclass

from minicnn.backend import output_size
from minicnn.layers.windows import image, windows

NOBODY = -1
"""The label of a sample that only fills a part of a batch up."""


@dataclass(frozen=True)
class Window:
    """A window that moves over maps: its size, stride and padding, each (vertical, horizontal)."""

    size: tuple
    stride: tuple
    padding: tuple = (0, 0)

    def outputs(self, height, width):
        """(H_out, W_out) of maps of this height and width."""
        return tuple(output_size(*numbers) for numbers in zip((height, width), self.size, self.stride, self.padding))


@dataclass(frozen=True)
class Connections:
    """Which maps a convolution connects: pairs of (output map, input map) in the order of its kernels."""

    outputs: int
    inputs: int
    pairs: tuple

    def matrix(self, xp, weights):
        """W ``(C_out, C·KH·KW)`` from the kernels ``(pairs, KH, KW)``, zero where maps are not connected."""
        area = weights.shape[1] * weights.shape[2]
        W = xp.zeros((self.outputs, self.inputs, area), weights.dtype)
        W[tuple(zip(*self.pairs))] = weights.reshape(-1, area)
        return W.reshape(self.outputs, -1)

    def kernels(self, W, shape):
        """The kernels ``shape`` = (pairs, KH, KW) of the connected pairs in W."""
        return W.reshape(self.outputs, self.inputs, *shape[1:])[tuple(zip(*self.pairs))]


# -------------------------------------------------------------------------------------------------- the batch


def gather(backend, images, all_labels, order, position, table, x, labels):
    """A part of a batch: with (start, count) = position, sample n < count is the one at order[start + n].

    x[0, i, j, n] = table[its byte at (i - top, j - left)], the image being centred; labels[n] = its label. What
    fills x up to its N samples has the label NOBODY. images ``(M, H, W)`` and all_labels ``(M,)`` uint8; table
    ``(256,)``; x ``(1, high, wide, N)``, which holds table[0], the background, around the image already.
    """
    (start, count), (height, width) = position.tolist(), images.shape[1:]
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    indices = order[start : start + count]
    x[0, top : top + height, left : left + width, :count] = table[images[indices]].transpose(1, 2, 0)
    labels[:count] = all_labels[indices]
    labels[count:] = NOBODY


# ------------------------------------------------------------------------------------------------- the layers


def convolution(backend, x, weights, bias, window, connections, squash, y):
    """y = f(W im2col(x) + b): weights ``(pairs, KH, KW)``, bias ``(C_out,)`` or None."""
    a = connections.matrix(backend.xp, weights) @ backend.im2col(x, window.size, window.stride, window.padding)
    a = a.reshape(y.shape) if bias is None else a.reshape(y.shape) + bias[:, None, None, None]
    y[...] = _squashed(backend, a, squash)


def convolution_input_gradient(backend, d, weights, x, window, connections, squash, dx):
    """dx = col2im(W^T d) · f'(x) for x = f(...)."""
    cols = connections.matrix(backend.xp, weights).T @ d.reshape(len(d), -1)
    dx[...] = backend.col2im(cols, x.shape, window.size, window.stride, window.padding) * _slope(x, squash)


def convolution_weight_gradient(backend, d, x, window, connections, dweights, dbias):
    """dW += d im2col(x)^T,  db += sum of d; dbias may be None."""
    d, cols = d.reshape(len(d), -1), backend.im2col(x, window.size, window.stride, window.padding)
    dweights += connections.kernels(d @ cols.T, dweights.shape)
    if dbias is not None:
        dbias += d.sum(axis=1)


def dense(backend, x, weights, bias, squash, y):
    """y ``(M, N)`` = f(W x + b), weights ``(M, K)``, bias ``(M,)`` or None."""
    a = weights @ x if bias is None else weights @ x + bias[:, None]
    y[...] = _squashed(backend, a, squash)


def dense_input_gradient(backend, d, weights, x, squash, dx):
    """dx ``(K, N)`` = (W^T d) · f'(x) for x = f(...)."""
    dx[...] = weights.T @ d * _slope(x, squash)


def dense_weight_gradient(backend, d, x, dweights, dbias):
    """dW += d x^T,  db += the sum of d's columns; dbias may be None."""
    dweights += d @ x.T
    if dbias is not None:
        dbias += d.sum(axis=1)


def subsampling(backend, x, coefficient, bias, window, squash, y):
    """y = f(coefficient · (sum of each window) + bias), one coefficient and bias a map."""
    sums = windows(backend, x, window.size, window.stride).sum(axis=1)
    a = coefficient[:, None, None, None] * sums + bias[:, None, None, None]
    y[...] = _squashed(backend, a, squash)


def subsampling_backward(backend, d, x, coefficient, window, squash, dx, dcoefficient, dbias):
    """dx = coefficient · d · f'(x) at every pixel of the window, for x = f(...);
    dcoefficient += sum of (sum of the window) · d,  dbias += sum of d."""
    fields = windows(backend, x, window.size, window.stride)
    dcoefficient += (fields.sum(axis=1) * d).sum(axis=(1, 2, 3))
    dbias += d.sum(axis=(1, 2, 3))
    dfields = backend.xp.broadcast_to((coefficient[:, None, None, None] * d)[:, None], fields.shape)
    dx[...] = image(backend, dfields, x.shape, window.size, window.stride) * _slope(x, squash)


def dropout(backend, x, kept, position, first, p, y):
    """y = m · x with m = 1/(1 - p) where ``kept`` is 1, and 0 where it is 0.

    kept ``(elements of a sample, columns)`` uint8; sample n, the one at position[0] + n of the order, has the column
    that is its place less first[0].
    """
    y[...] = _kept(x, kept, position, first, p) * x


def dropout_backward(backend, d, kept, position, first, p, x, squash, dx):
    """dx = m · d · f'(x) for x = f(...)."""
    dx[...] = _kept(x, kept, position, first, p) * d * _slope(x, squash)


def _kept(x, kept, position, first, p):
    start = int(position[0] - first[0])
    return kept[:, start : start + x.shape[-1]].reshape(x.shape).astype(x.dtype) / (1 - p)


def max_pool(backend, x, window, y, winner):
    """y = the largest element of each window; winner, its place there in row-major order (the first).

    winner is int32, or of x's number type.
    """
    fields = windows(backend, x, window.size, window.stride)
    winner[...] = fields.argmax(axis=1)
    y[...] = fields.max(axis=1)


def max_pool_backward(backend, d, winner, window, dx):
    """Each element of d goes to the pixel that won its window; windows that overlap add up."""
    places = backend.xp.arange(window.size[0] * window.size[1])[None, :, None, None, None]
    dx[...] = image(backend, (winner[:, None] == places) * d[:, None], dx.shape, window.size, window.stride)


def avg_pool(backend, x, window, y):
    """y = the mean of each window."""
    y[...] = windows(backend, x, window.size, window.stride).mean(axis=1)


def avg_pool_backward(backend, d, window, dx):
    """Every pixel of a window receives d / (pixels in the window); windows that overlap add up."""
    area = window.size[0] * window.size[1]
    dfields = backend.xp.broadcast_to((d / area)[:, None], (len(d), area, *d.shape[1:]))
    dx[...] = image(backend, dfields, dx.shape, window.size, window.stride)


def activation(backend, x, function, y):
    """y = f(x), element by element: function is "tanh" with (A, S) behind it, "sigmoid", "relu", or
    "leaky_relu" with its negative slope behind it."""
    y[...] = FUNCTIONS[function[0]][0](backend.xp, x, *function[1:])


def activation_backward(backend, d, y, function, dx):
    """dx = f' · d, the slope in terms of y = f(x)."""
    dx[...] = FUNCTIONS[function[0]][1](y, *function[1:]) * d


FUNCTIONS = {
    "tanh": (lambda xp, x, A, S: A * xp.tanh(S * x), lambda y, A, S: S / A * (A * A - y * y)),
    "sigmoid": (lambda xp, x: (1 + xp.tanh(x / 2)) / 2, lambda y: y * (1 - y)),
    "relu": (lambda xp, x: xp.maximum(x, 0), lambda y: y > 0),
    "leaky_relu": (lambda xp, x, slope: xp.where(x > 0, x, slope * x), lambda y, slope: (y > 0) + slope * ~(y > 0)),
}
"""name: (f of x, f' in terms of y)."""


def squared_distances(backend, x, prototypes, y):
    """y ``(K, N)``: y[i, n] = sum over j of (x[j, n] - prototypes[i, j])²."""
    y[...] = ((x - prototypes[:, :, None]) ** 2).sum(axis=1)


def squared_distances_backward(backend, d, x, prototypes, squash, dx):
    """dx = 2 (x sum_i d_i - prototypes^T d) · f'(x) for x = f(...)."""
    dx[...] = 2 * (x * d.sum(axis=0) - prototypes.T @ d) * _slope(x, squash)


# ------------------------------------------------------------------------------------------------ the criteria


def rbf_criterion(backend, x, prototypes, labels, j, scale, squash, d, result):
    """The RBF layer's distances y and their criterion: equation 9 of LeCun et al. 1998 with a rubbish class at
    distance ``j``, or equation 8 where j is None.

    d = scale · dE/dx · f'(x) for x = f(...); result = (the summed loss, how many samples have another nearest
    prototype than their label's). scale ``(1,)`` is 1 / (samples of the whole batch) for a mean, 1 for a sum.
    """
    xp, counts = backend.xp, labels >= 0
    y = ((x - prototypes[:, :, None]) ** 2).sum(axis=1)
    right = xp.where(counts, labels, 0), xp.arange(len(labels))
    loss = y[right]
    if j is None:
        g = xp.zeros_like(y)
    else:
        smallest = xp.minimum(y.min(axis=0), j)
        likelihood = xp.exp(smallest - y)
        total = xp.exp(smallest - j) + likelihood.sum(axis=0)
        loss = loss - smallest + xp.log(total)
        g = likelihood / -total
    g[right] += 1
    g *= counts
    d[...] = 2 * float(scale[0]) * (x * g.sum(axis=0) - prototypes.T @ g) * _slope(x, squash)
    _record(loss, y.argmin(axis=0), labels, result)


def cross_entropy(backend, z, labels, scale, d, result):
    """Softmax cross-entropy of logits z ``(K, N)``: d = scale · dE/dz; scale and result as above."""
    xp, counts = backend.xp, labels >= 0
    right = xp.where(counts, labels, 0), xp.arange(len(labels))
    shifted = z - z.max(axis=0)
    exponentials = xp.exp(shifted)
    total = exponentials.sum(axis=0)
    p = exponentials / total
    p[right] -= 1
    d[...] = float(scale[0]) * p * counts
    _record(xp.log(total) - shifted[right], z.argmax(axis=0), labels, result)


def _record(loss, decided, labels, result):
    counts = labels >= 0
    result[0] = loss[counts].sum()
    result[1] = (decided != labels)[counts].sum()


# -------------------------------------------------------------------------------------------------- the update


def gradient_sum(backend, parts, gradient):
    """gradient ``(P,)`` = the sum of the rows of parts ``(rows, P)``.

    As in a knock-out tournament: of 2h rows or fewer, row h + i is added to row i, which leaves h, a power of two.
    """
    rows = parts.copy()
    while len(rows) > 1:
        half = 1 << (len(rows) - 1).bit_length() - 1
        rows[: len(rows) - half] += rows[half:]
        rows = rows[:half]
    gradient[...] = rows[0]


def sgd(backend, values, gradient, velocities, rates, settings, nesterov):
    """One step of ``minicnn.optim.SGD`` with settings = (lr, momentum, weight_decay).

    g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v,   or g + momentum · v (Nesterov).
    The rate is lr, or where ``rates`` is not None (StochasticDiagonalLM) rates[p] for parameter p. Without momentum
    v stays as it is.
    """
    lr, momentum, weight_decay = settings.tolist()
    g = gradient + weight_decay * values if weight_decay else gradient
    if momentum:
        velocities *= momentum
        velocities += g
        g = g + momentum * velocities if nesterov else velocities
    values -= (lr if rates is None else rates) * g


# -------------------------------------------------------------------------------------------------- in common


def _squashed(backend, a, squash):
    return a if squash is None else FUNCTIONS["tanh"][0](backend.xp, a, *squash)


def _slope(y, squash):
    """f' in terms of y = f(a): S/A (A² - y²)."""
    return 1 if squash is None else FUNCTIONS["tanh"][1](y, *squash)
