"""The primitives as loops for the CPU: which kernel of kernels/cpu computes each, and over which arrays."""

from functools import partial

import numpy as np

from minicnn.compiled.loops import Call, kernels, sequence
from minicnn.compiled.plain import PlainForm

ALIGNMENT = 64
"""Bytes of a processor's widest vector, and of a line of its cache."""


class CpuForm(PlainForm):
    """A function for each primitive, which ``minicnn.compiled.primitives`` gives the meaning of.

    Arrays must be C-contiguous, as ``array`` makes them, and those of a primitive must not overlap. Raises ImportError
    without Numba.
    """

    def __init__(self, backend, dtype):
        super().__init__(backend, dtype)
        self.real = self.places = np.dtype(dtype).type
        self.kernels = kernels()

    def new_array(self, shape, dtype):
        """At the start of a cache line."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = np.zeros(size + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + size].view(dtype).reshape(shape)

    def prepare(self, primitive, *arguments):
        return getattr(self, primitive)(*arguments)

    def sequence(self, functions):
        return sequence(functions)

    def call(self, name, *constants):
        """What makes a Call of the kernel with these constants from its arrays."""
        return partial(Call, name, self.real.__name__, constants)

    # ---------------------------------------------------------------------------------------------- the batch

    def gather(self, images, all_labels, order, position, table, x, labels):
        call = self.call("gather.gather", images.shape[1:], x.shape)
        data = map(np.ascontiguousarray, (images, all_labels))
        return [call(*data, order, position, table, _planes(x), labels)]

    # --------------------------------------------------------------------------------------------- the layers

    def convolution(self, x, weights, bias, window, connections, squash, y):
        steps, x = self._padded(x, window.padding)
        bias = self.array((len(y),), y.dtype) if bias is None else bias
        outputs, inputs = np.array(connections.pairs).T
        order = np.argsort(inputs, kind="stable")
        convolution, (size, stride) = self.kernels.convolution, (window.size, window.stride)
        sums = self.array((len(y), convolution.layout(x.shape, size, stride)[2]), x.dtype)
        call = self.call("convolution.convolution", x.shape, len(y), size, stride, squash)
        return [*steps, call(_planes(x), weights, order, outputs[order], inputs[order], bias, sums, _planes(y))]

    def convolution_input_gradient(self, d, weights, x, window, connections, squash, dx):
        how = x.shape, d.shape, window.size, window.stride, window.padding
        framed = self.array((*d.shape[:2], x.shape[2] + window.size[1] - 1, d.shape[3]), d.dtype)
        frame = self._frame(d, framed, (0, window.size[1] - 1 - window.padding[1]), (1, window.stride[1]))
        outputs, inputs = np.array(connections.pairs).T
        sums = self.array(self.kernels.convolution_input_gradient.sums_shape(*how), d.dtype)
        call = self.call("convolution_input_gradient.convolution_input_gradient", *how, squash)
        pairs = np.ascontiguousarray(outputs), np.ascontiguousarray(inputs)
        return [frame, call(_planes(framed), weights, *pairs, _planes(x), sums, _planes(dx))]

    def _padded(self, x, padding):
        """([what writes x into a frame of zeros], the framed x), or ([], x) without padding."""
        if padding == (0, 0):
            return [], x
        (channels, height, width, samples), (ph, pw) = x.shape, padding
        padded = self.array((channels, height + 2 * ph, width + 2 * pw, samples), x.dtype)
        return [self._frame(x, padded, padding, (1, 1))], padded

    def _frame(self, x, framed, corner, stride):
        return self.call("frame.frame", x.shape, framed.shape, corner, stride)(_planes(x), _planes(framed))

    def convolution_weight_gradient(self, d, x, window, connections, dweights, dbias):
        steps, x = self._padded(x, window.padding)
        plane = self.kernels.convolution.plane_at_once(*d.shape[1:3], window.stride, d.shape[3])
        if plane:
            long = self.array((*d.shape[:2], *x.shape[2:]), d.dtype)
            steps.append(self._frame(d, long, (0, 0), (1, 1)))
            d = long
        pairs = [(p, o, c) for p, (o, c) in enumerate(connections.pairs)]
        couples = []
        for c in range(connections.inputs):
            here = [pair for pair in pairs if pair[2] == c]
            couples += list(zip(here[::2], here[1::2] + here[-1:]))
        indices = np.array([[p for p, _, _ in couple] for couple in couples])
        outputs = np.array([[o for _, o, _ in couple] for couple in couples])
        inputs = np.array([couple[0][2] for couple in couples])
        dbias = self.array(len(d), d.dtype) if dbias is None else dbias
        how = x.shape, d.shape, plane, window.size, window.stride
        call = self.call("weight_gradient.weight_gradient", *how)
        return [*steps, call(_planes(d), _planes(x), indices, outputs, inputs, dweights, dbias)]

    def dense(self, x, weights, bias, squash, y):
        bias = self.array(len(y), y.dtype) if bias is None else bias
        return [self.call("product.dense", *x.shape[:1], *y.shape, squash)(x.reshape(-1), weights, bias, y)]

    def dense_input_gradient(self, d, weights, x, squash, dx):
        call = self.call("product.dense_input_gradient", len(x), *d.shape, squash)
        return [call(*(a.reshape(-1) for a in (d, weights, x, dx)))]

    def dense_weight_gradient(self, d, x, dweights, dbias):
        dbias = self.array(len(d), d.dtype) if dbias is None else dbias
        call = self.call("product.dense_weight_gradient", len(x), *d.shape)
        return [call(d, x.reshape(-1), self.array((x.size,), x.dtype), dweights, dbias)]

    def subsampling(self, x, coefficient, bias, window, squash, y):
        call = self.call("trainable_subsampling.subsampling", y.shape, window.size, squash)
        return [call(_planes(x), coefficient, bias, _planes(y))]

    def subsampling_backward(self, d, x, coefficient, window, squash, dx, dcoefficient, dbias):
        call = self.call("trainable_subsampling.subsampling_backward", d.shape, window.size, squash)
        return [call(_planes(d), _planes(x), coefficient, _planes(dx), dcoefficient, dbias)]

    def max_pool(self, x, window, y, winner):
        call = self.call("pooling.max_pool", x.shape, y.shape, window.size, window.stride)
        return [call(_planes(x), _planes(y), _planes(winner))]

    def max_pool_backward(self, d, winner, window, dx):
        call = self.call("pooling.max_pool_backward", dx.shape, d.shape, window.size, window.stride)
        return [call(_planes(d), _planes(winner), _planes(dx))]

    def avg_pool(self, x, window, y):
        return [self.call("pooling.avg_pool", x.shape, y.shape, window.size, window.stride)(_planes(x), _planes(y))]

    def avg_pool_backward(self, d, window, dx):
        call = self.call("pooling.avg_pool_backward", dx.shape, d.shape, window.size, window.stride)
        return [call(_planes(d), _planes(dx))]

    def dropout(self, x, kept, position, first, p, y):
        call = self.call("dropout.dropout", *_rows(x).shape, p)
        return [call(_rows(x), kept, position, first, _rows(y))]

    def dropout_backward(self, d, kept, position, first, p, x, squash, dx):
        call = self.call("dropout.dropout_backward", *_rows(x).shape, p, squash)
        return [call(_rows(d), kept, position, first, _rows(x), _rows(dx))]

    def activation(self, x, function, y):
        name, *constants = function
        return [self.call(_activation(name), *constants)(x.reshape(-1), y.reshape(-1))]

    def activation_backward(self, d, y, function, dx):
        name, *constants = function
        call = self.call(_activation(f"{name}_backward"), *constants)
        return [call(d.reshape(-1), y.reshape(-1), dx.reshape(-1))]

    def squared_distances(self, x, prototypes, y):
        return [self.call("rbf.squared_distances", len(x), *y.shape)(x.reshape(-1), prototypes, y)]

    def squared_distances_backward(self, d, x, prototypes, squash, dx):
        return [self.call("rbf.squared_distances_backward", len(x), *d.shape, squash)(d.reshape(-1), x, prototypes, dx)]

    # ------------------------------------------------------------------------------------------- the criteria

    def rbf_criterion(self, x, prototypes, labels, j, scale, squash, d, result):
        y, g = (self.array((len(prototypes), x.shape[1]), x.dtype) for _ in range(2))
        criterion = self.call("rbf.rbf_criterion", *y.shape, j is not None, j)
        return [
            *self.squared_distances(x, prototypes, y),
            criterion(y, labels, scale, g, result),
            *self.squared_distances_backward(g, x, prototypes, squash, d),
        ]

    def cross_entropy(self, z, labels, scale, d, result):
        return [self.call("cross_entropy.cross_entropy", *z.shape)(z, labels, scale, d, result)]

    # --------------------------------------------------------------------------------------------- the update

    def gradient_sum(self, parts, gradient):
        return [self.call("sgd.gradient_sum")(parts, self.array(parts.shape, parts.dtype), gradient)]

    def sgd(self, values, gradient, velocities, rates, settings, nesterov):
        call = self.call("sgd.sgd", rates is not None, bool(settings[1]), nesterov)
        rates = self.array((0,), values.dtype) if rates is None else rates
        return [call(values, gradient, velocities, rates, settings)]


def _planes(a):
    """Maps ``(C, H, W, N)`` as the kernels take them: ``(C, H·W·N)``."""
    return a.reshape(len(a), -1)


def _rows(a):
    """An element of a sample in each row, the samples side by side."""
    return a.reshape(-1, a.shape[-1])


def _activation(name):
    return f"squash.scaled_{name}" if name.startswith("tanh") else f"activations.{name}"
