"""The primitives of a fused training step on an NVIDIA GPU; ``FusedPrimitives`` says what they compute."""

import math

import numpy as np

from minicnn.backend import kernels
from minicnn.backend.fused import SAMPLES, TILE, FusedPrimitives, part_length

# of kernels/product.cuh
WARP, WARPS, ROWS = 32, 8, 8

ENOUGH_WARPS = 1024
"""Warps that keep a large GPU busy (8 on each of 128 multiprocessors). A constant, not the device's own number: it
decides in which order sums are added, and a network should come out the same on every GPU."""

ENOUGH_BLOCKS = 256
"""Blocks of 256 threads that keep a large GPU busy."""


def slices(rows, depth, columns):
    """How many warps share the depth of a product (1, 2, 4 or 8), so that small products still fill the GPU."""
    warps, count = math.ceil(rows / ROWS) * math.ceil(columns / WARP), 1
    while count < WARPS and count * warps < ENOUGH_WARPS and depth >= 16 * count:  # at least 8 terms a slice
        count *= 2
    return count


class FusedKernels(FusedPrimitives):
    """The mixin of CupyBackend that overrides ``FusedPrimitives``."""

    def gather_batch(self, images, all_labels, order, rates, step, table, batch_size, x, labels, settings):
        self._reals(x=x, rates=rates, table=table, settings=settings)
        self._typed(np.uint8, images=images, all_labels=all_labels)
        self._typed(np.int32, order=order, step=step, labels=labels)
        _, high, wide, batch = x.shape
        arguments = (images, all_labels, order, rates, step, table, x, labels, settings,
                     *images.shape[1:], high, wide, batch, batch_size)  # fmt: skip
        kernels.launch(self.xp, "gather.cu", "gather", x, wide * batch, arguments)

    # --------------------------------------------------------------------------------------- the layers

    def convolution(self, x, weights, places, bias, geometry, squash, out):
        self._reals(x=x, weights=weights, bias=bias, out=out)
        self._typed(np.int32, places=places)
        maps, depth, columns = len(out), math.prod(geometry[0]) * len(x), math.prod(out.shape[1:])
        count = slices(maps, depth, columns)
        arguments = (x, weights, places, bias, out, *_sizes(x, out, geometry), maps, count, *_squash(squash))
        self._product("convolution.cu", "convolution", maps, columns, count, out, arguments)

    def convolution_input_gradient(self, d, weights, places, x, geometry, squash, out):
        self._reals(d=d, weights=weights, x=x, out=out)
        self._typed(np.int32, places=places)
        maps, channels, columns = len(d), len(x), math.prod(x.shape[1:])
        if geometry[0] == x.shape[1:3] and geometry[2] == (0, 0):  # one window: each pixel meets one weight a map
            rows, batch = math.prod(x.shape[:3]), x.shape[3]
            count = slices(rows, maps, batch)
            arguments = (d, weights, places, x, out, *x.shape, maps, count, *_squash(squash))
            name = "one_window_input_gradient"
            return self._product("convolution_input_gradient.cu", name, rows, batch, count, out, arguments)
        count = slices(channels, maps * math.prod(geometry[0]), columns)
        arguments = (d, weights, places, x, out, *_sizes(x, d, geometry), maps, count, *_squash(squash))
        name = "convolution_input_gradient"
        self._product("convolution_input_gradient.cu", name, channels, columns, count, out, arguments)

    def dense(self, x, weights, bias, squash, out):
        self._reals(x=x, weights=weights, bias=bias, out=out)
        (rows, columns), depth = out.shape, len(x)
        count = slices(rows, depth, columns)
        arguments = (x, weights, bias, out, rows, depth, columns, count, *_squash(squash))
        self._product("product.cu", "dense", rows, columns, count, out, arguments)

    def dense_input_gradient(self, d, weights, x, squash, out):
        self._reals(d=d, weights=weights, x=x, out=out)
        (rows, columns), depth = out.shape, len(d)
        count = slices(rows, depth, columns)
        arguments = (d, weights, x, out, rows, depth, columns, count, *_squash(squash))
        self._product("product.cu", "dense_input_gradient", rows, columns, count, out, arguments)

    def _product(self, file, name, rows, columns, count, out, arguments):
        """Launch a kernel that is built on product.cuh."""
        kernels.check_axes(name, rows, columns)
        grid = (-(-columns // (WARP * WARPS // count)), -(-rows // ROWS))
        kernels.run(self.xp, file, name, out.dtype.name, grid, (WARP, WARPS), arguments)

    def weight_gradient(self, d, x, geometry, out):
        self._reals(d=d, x=x, out=out)
        parts, maps, depth = out.shape
        columns = math.prod(d.shape[1:])
        kernels.check_axes("weight_gradient", maps, columns)
        arguments = (d, x, out, *_sizes(x, d, geometry), maps, part_length(columns, parts))
        grid = (*_weight_tiles(maps, depth), parts)
        kernels.run(self.xp, "weight_gradient.cu", "weight_gradient", d.dtype.name, grid, (WARP, WARPS), arguments)

    def weight_gradient_parts(self, maps, depth, columns):
        return _parts(math.prod(_weight_tiles(maps, depth + 1)), columns)

    def subsampling(self, x, coefficient, bias, size, squash, out):
        self._reals(x=x, coefficient=coefficient, bias=bias, out=out)
        arguments = (x, coefficient, bias, out, *x.shape, *size, *_squash(squash))
        kernels.launch(self.xp, "trainable_subsampling.cu", "subsampling", out, math.prod(out.shape[2:]), arguments)

    def subsampling_backward(self, d, x, coefficient, size, squash, out, partial):
        self._reals(d=d, x=x, coefficient=coefficient, out=out, partial=partial)
        maps, columns, parts = len(d), math.prod(d.shape[1:]), len(partial)
        kernels.check_axes("subsampling_backward", maps, columns)
        arguments = (d, x, coefficient, out, partial, *x.shape, *size, part_length(columns, parts), *_squash(squash))
        grid, block = (parts, maps), (kernels.THREADS,)
        name = "subsampling_backward"
        kernels.run(self.xp, "trainable_subsampling.cu", name, d.dtype.name, grid, block, arguments)

    def subsampling_parts(self, maps, columns):
        return _parts(maps, columns)

    # -------------------------------------------------------------------------------------- the criteria

    def rbf_criterion(self, x, prototypes, labels, step, j, scale, squash, out, losses, errors):
        self._reals(x=x, prototypes=prototypes, out=out)
        (features, batch), classes = x.shape, len(prototypes)
        arguments = (x, prototypes, labels, step, out, losses, errors, features, classes, batch, losses.shape[1],
                     j is not None, float(0 if j is None else j), float(scale), *_squash(squash))  # fmt: skip
        shared = (2 * classes + WARPS) * SAMPLES * x.dtype.itemsize
        self._criterion("rbf.cu", "rbf_criterion", batch, x.dtype, labels, step, losses, errors, arguments, shared)

    def cross_entropy(self, z, labels, step, scale, out, losses, errors):
        self._reals(z=z, out=out)
        classes, batch = z.shape
        arguments = (z, labels, step, out, losses, errors, classes, batch, losses.shape[1], float(scale))
        self._criterion("cross_entropy.cu", "cross_entropy", batch, z.dtype, labels, step, losses, errors, arguments)

    def _criterion(self, file, name, batch, dtype, labels, step, losses, errors, arguments, shared=0):
        self._typed(np.int32, labels=labels, step=step, errors=errors)
        self._typed(np.float64, losses=losses)
        grid = (-(-batch // SAMPLES),)
        kernels.run(self.xp, file, name, dtype.name, grid, (SAMPLES, WARPS), arguments, shared)

    def squared_distances(self, x, prototypes):
        x, prototypes = self._real("x", x), self._real("prototypes", prototypes)
        y = self.empty((len(prototypes), x.shape[1]), x.dtype)
        arguments = (x, prototypes, y, len(x), *y.shape)
        kernels.launch(self.xp, "rbf.cu", "squared_distances", y, y.shape[1], arguments)
        return y

    # ---------------------------------------------------------------------------------------- the update

    def gradient_sums(self, partial, first, step, count, out):
        self._reals(partial=partial, out=out)
        self._typed(np.int32, first=first, step=step, count=count)
        arguments = (partial, first, step, count, out, out.size)
        grid = (-(-out.size // WARP),)
        kernels.run(self.xp, "gradient_sum.cu", "gradient_sum", out.dtype.name, grid, (WARP, WARPS), arguments)

    def sgd_update(self, values, gradients, velocities, settings, nesterov, step):
        self._reals(values=values, gradients=gradients, velocities=velocities, settings=settings)
        self._typed(np.int32, step=step)
        arguments = (values, gradients, velocities, settings, bool(nesterov), values.size, step)
        kernels.launch_flat(self.xp, "sgd.cu", "sgd", values, arguments)

    # ---------------------------------------------------------------------------------- what they accept

    def _reals(self, **arrays):
        """Raise unless all of the ``arrays`` (None excepted) are ones that a kernel takes, of one real dtype."""
        dtype = next(iter(arrays.values())).dtype
        if dtype not in (np.float32, np.float64):
            raise TypeError(f"{next(iter(arrays))} must be float32 or float64, got {dtype}")
        self._typed(dtype, **arrays)

    def _typed(self, dtype, **arrays):
        for name, a in arrays.items():
            if a is None:
                continue
            self._resident(name, a)
            if a.dtype != dtype:
                raise TypeError(f"{name} must be {np.dtype(dtype)}, got {a.dtype}")
            if not a.flags.c_contiguous:
                raise ValueError(f"{name} must be C-contiguous: a kernel reads and writes it in place")


def _sizes(x, y, geometry):
    """The integers that describe a convolution from x to y, in the order of the kernels' signatures."""
    (kh, kw), (sh, sw), (ph, pw) = geometry
    return (*x.shape, *y.shape[1:3], kh, kw, sh, sw, ph, pw)


def _squash(squash):
    """The last three arguments of a kernel with a squashing function."""
    amplitude, slope = squash or (1, 1)
    return squash is not None, float(amplitude), float(slope)


def _weight_tiles(maps, depth):
    """Blocks of weight_gradient.cu for one part: 32 weights and 16 maps each."""
    return -(-depth // 32), -(-maps // 16)


def _parts(blocks, columns):
    """Parts that bring ``blocks`` blocks for each to about ENOUGH_BLOCKS, all of them with something to do."""
    tiles = -(-columns // TILE)
    each = -(-tiles // min(tiles, max(1, ENOUGH_BLOCKS // blocks)))  # tiles in a part
    return -(-tiles // each)
