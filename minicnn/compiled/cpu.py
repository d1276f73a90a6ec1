"""The primitives as loops for the CPU: which kernel of kernels/cpu computes each, and over which arrays."""

import importlib
import logging
from functools import cache, partial
from types import SimpleNamespace

import numpy as np

from minicnn import sources
from minicnn.compiled.plain import PlainForm

ALIGNMENT = 64
"""Bytes of a processor's widest vector, and of a line of its cache."""

log = logging.getLogger("minicnn")


class CpuForm(PlainForm):
    """A function for each primitive, which ``minicnn.compiled.primitives`` gives the meaning of.

    Arrays must be C-contiguous, as ``array`` makes them. Compiled code is kept on disk by Numba; while kernels are
    compiled for the first time, one line on the logger "minicnn" says so. Raises ImportError without Numba.
    """

    def __init__(self, backend, dtype):
        super().__init__(backend, dtype)
        self.real = np.dtype(dtype).type
        self.kernels = kernels()

    def new_array(self, shape, dtype):
        """At the start of a cache line."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = np.zeros(size + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + size].view(dtype).reshape(shape)

    def prepare(self, primitive, *arguments):
        return getattr(self, primitive)(*arguments)

    # ---------------------------------------------------------------------------------------------- the batch

    def gather(self, images, all_labels, order, position, table, x, labels):
        kernel = self.kernels.gather.gather(self.real, images.shape[1:], x.shape)
        return run(kernel, _read_only(images), _read_only(all_labels), order, position, table, _planes(x), labels)

    # --------------------------------------------------------------------------------------------- the layers

    def convolution(self, x, weights, bias, window, connections, squash, y):
        steps, x = self._padded(x, window.padding)
        bias = self.array((len(y),), y.dtype) if bias is None else bias
        outputs, inputs = np.array(connections.pairs).T
        order = np.argsort(inputs, kind="stable")
        convolution, (size, stride) = self.kernels.convolution, (window.size, window.stride)
        sums = self.array((len(y), convolution.layout(x.shape, size, stride)[2]), x.dtype)
        kernel = convolution.convolution(self.real, x.shape, len(y), size, stride, squash)
        pairs = order, outputs[order], inputs[order]
        return both(*steps, run(kernel, _planes(x), weights, *pairs, bias, sums, _planes(y)))

    def convolution_input_gradient(self, d, weights, x, window, connections, squash, dx):
        how = x.shape, d.shape, window.size, window.stride, window.padding
        framed = self.array((*d.shape[:2], x.shape[2] + window.size[1] - 1, d.shape[3]), d.dtype)
        frame = self._frame(d, framed, (0, window.size[1] - 1 - window.padding[1]), (1, window.stride[1]))
        outputs, inputs = np.array(connections.pairs).T
        sums = self.array(self.kernels.convolution_input_gradient.sums_shape(*how), d.dtype)
        kernel = self.kernels.convolution_input_gradient.convolution_input_gradient(self.real, *how, squash)
        pairs = np.ascontiguousarray(outputs), np.ascontiguousarray(inputs)
        return both(frame, run(kernel, _planes(framed), weights, *pairs, _planes(x), sums, _planes(dx)))

    def _padded(self, x, padding):
        """([what writes x into a frame of zeros], the framed x), or ([], x) without padding."""
        if padding == (0, 0):
            return [], x
        (channels, height, width, samples), (ph, pw) = x.shape, padding
        padded = self.array((channels, height + 2 * ph, width + 2 * pw, samples), x.dtype)
        return [self._frame(x, padded, padding, (1, 1))], padded

    def _frame(self, x, framed, corner, stride):
        kernel = self.kernels.frame.frame(self.real, x.shape, framed.shape, corner, stride)
        return run(kernel, _planes(x), _planes(framed))

    def convolution_weight_gradient(self, d, x, window, connections, dweights, dbias):
        steps, x = self._padded(x, window.padding)
        rows = 1
        if self.kernels.convolution.plane_at_once(*d.shape[1:3], window.stride, d.shape[3]):
            rows = d.shape[1]  # in one run, d in rows as long as those of x
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
        how = x.shape, d.shape, rows, window.size, window.stride
        kernel = self.kernels.weight_gradient.weight_gradient(self.real, *how)
        return both(*steps, run(kernel, _planes(d), _planes(x), indices, outputs, inputs, dweights, dbias))

    def dense(self, x, weights, bias, squash, y):
        bias = self.array(len(y), y.dtype) if bias is None else bias
        kernel = self.kernels.product.dense(self.real, *x.shape[:1], *y.shape, squash)
        return run(kernel, x.reshape(-1), weights, bias, y)

    def dense_input_gradient(self, d, weights, x, squash, dx):
        kernel = self.kernels.product.dense_input_gradient(self.real, len(x), *d.shape, squash)
        return run(kernel, *(a.reshape(-1) for a in (d, weights, x, dx)))

    def dense_weight_gradient(self, d, x, dweights, dbias):
        dbias = self.array(len(d), d.dtype) if dbias is None else dbias
        kernel = self.kernels.product.dense_weight_gradient(self.real, len(x), *d.shape)
        return run(kernel, d, x.reshape(-1), self.array(x.size, x.dtype), dweights, dbias)

    def subsampling(self, x, coefficient, bias, window, squash, y):
        kernel = self.kernels.trainable_subsampling.subsampling(self.real, y.shape, window.size, squash)
        return run(kernel, _planes(x), coefficient, bias, _planes(y))

    def subsampling_backward(self, d, x, coefficient, window, squash, dx, dcoefficient, dbias):
        kernel = self.kernels.trainable_subsampling.subsampling_backward(self.real, d.shape, window.size, squash)
        return run(kernel, _planes(d), _planes(x), coefficient, _planes(dx), dcoefficient, dbias)

    def max_pool(self, x, window, y, winner):
        kernel = self.kernels.pooling.max_pool(self.real, x.shape, y.shape, window.size, window.stride)
        return run(kernel, _planes(x), _planes(y), _planes(winner))

    def max_pool_backward(self, d, winner, window, dx):
        kernel = self.kernels.pooling.max_pool_backward(self.real, dx.shape, d.shape, window.size, window.stride)
        return run(kernel, _planes(d), _planes(winner), _planes(dx))

    def avg_pool(self, x, window, y):
        kernel = self.kernels.pooling.avg_pool(self.real, x.shape, y.shape, window.size, window.stride)
        return run(kernel, _planes(x), _planes(y))

    def avg_pool_backward(self, d, window, dx):
        kernel = self.kernels.pooling.avg_pool_backward(self.real, dx.shape, d.shape, window.size, window.stride)
        return run(kernel, _planes(d), _planes(dx))

    def activation(self, x, function, y):
        name, *constants = function
        kernel = self._activation(name)(self.real, *constants)
        return run(kernel, x.reshape(-1), y.reshape(-1))

    def activation_backward(self, d, y, function, dx):
        name, *constants = function
        kernel = self._activation(f"{name}_backward")(self.real, *constants)
        return run(kernel, d.reshape(-1), y.reshape(-1), dx.reshape(-1))

    def _activation(self, name):
        if name.startswith("tanh"):
            return getattr(self.kernels.squash, f"scaled_{name}")
        return getattr(self.kernels.activations, name)

    def squared_distances(self, x, prototypes, y):
        kernel = self.kernels.rbf.squared_distances(self.real, len(x), *y.shape)
        return run(kernel, x.reshape(-1), prototypes, y)

    def squared_distances_backward(self, d, x, prototypes, squash, dx):
        kernel = self.kernels.rbf.squared_distances_backward(self.real, len(x), *d.shape, squash)
        return run(kernel, d.reshape(-1), x, prototypes, dx)

    # ------------------------------------------------------------------------------------------- the criteria

    def rbf_criterion(self, x, prototypes, labels, j, scale, squash, d, result):
        y, g = (self.array((len(prototypes), x.shape[1]), x.dtype) for _ in range(2))
        kernel = self.kernels.rbf.rbf_criterion(self.real, *y.shape, j is not None, j)
        return both(
            self.squared_distances(x, prototypes, y),
            run(kernel, y, labels, scale, g, result),
            self.squared_distances_backward(g, x, prototypes, squash, d),
        )

    def cross_entropy(self, z, labels, scale, d, result):
        kernel = self.kernels.cross_entropy.cross_entropy(self.real, *z.shape)
        return run(kernel, z, labels, scale, d, result)

    # --------------------------------------------------------------------------------------------- the update

    def gradient_sum(self, parts, gradient):
        return run(self.kernels.sgd.gradient_sum(self.real), parts, gradient)

    def sgd(self, values, gradient, velocities, rates, settings, nesterov):
        kernel = self.kernels.sgd.sgd(self.real, rates is not None, bool(settings[1]), nesterov)
        return run(kernel, values, gradient, velocities, values if rates is None else rates, settings)


def _planes(a):
    """Maps ``(C, H, W, N)`` as the kernels take them: ``(C, H·W·N)``."""
    return a.reshape(len(a), -1)


def _read_only(a):
    """A view that says the same of every data set: nobody writes to it."""
    view = np.ascontiguousarray(a).view()
    view.flags.writeable = False
    return view


def both(*functions):
    """One function of no arguments that calls all of them."""
    if len(functions) == 1:
        return functions[0]

    def call():
        for function in functions:
            function()

    return call


def run(kernel, *arrays):
    """A function of no arguments that runs ``kernel``, which is compiled for these arrays now."""
    _compile(kernel, arrays)
    return partial(kernel, *arrays)


@cache
def kernels():
    """The modules of kernels/cpu, by name. Raises ImportError where Numba is missing or broken."""
    import numba  # noqa: F401 (the kernels do without it, slowly: whoever asks for them here wants the fast ones)

    sources.kernels()
    names = ("activations", "convolution", "convolution_input_gradient", "cross_entropy", "frame", "gather", "pooling", "product", "rbf", "sgd",
             "squash", "trainable_subsampling", "weight_gradient")  # fmt: skip
    return SimpleNamespace(**{name: importlib.import_module(f"minicnn.kernels.cpu.{name}") for name in names})


def _compile(kernel, arrays):
    """Compile ``kernel`` for arrays like these, unless that is done; the first time of all takes seconds."""
    import numba

    signature = tuple(map(numba.typeof, arrays))
    if signature in kernel.overloads:
        return
    kernel.compile(signature)
    if kernel.stats.cache_misses[signature]:
        _tell_once()


@cache
def _tell_once():
    log.warning(
        "minicnn compiles its loops for this processor, which takes some ten seconds the first time; Numba keeps them "
        "on disk for the next"
    )
