"""The primitives on an NVIDIA GPU: which kernel of kernels/cuda computes each, by how many threads, on which arrays."""

import math

import numpy as np

from minicnn.backend import kernels
from minicnn.compiled.plain import PlainForm
from minicnn.compiled.step_end import WARP, WARPS, side_by_side, step_end

# of kernels/cuda/product.cuh, weight_gradient.cu and criterion.cuh
ROWS, TILE, SAMPLES = 8, 64, 32

ENOUGH_WARPS = 1024
"""Warps that keep a large GPU busy (8 on each of 128 multiprocessors). A constant, not the device's own number: it
decides in which order sums are added, and a network should come out the same on every GPU."""

ENOUGH_BLOCKS = 256
"""Blocks of 256 threads that keep a large GPU busy."""

WHOLE = 1024
"""Samples of which one block adds up a fully connected layer's gradient, though several would have done so sooner: then
it can move the weights at once."""


class CudaForm(PlainForm):
    """A launch for each primitive, which ``minicnn.compiled.primitives`` gives the meaning of.

    Everything but the launch itself is done once: kernels are compiled, grids and arguments worked out, and arrays
    that a kernel cannot take (another dtype, not contiguous, on another device) refused by name.

    Some sums go over a whole part of a batch: the gradients of parameters, a criterion's loss and errors. A kernel has
    them added up by many blocks, each on its own, and leaves the partial sums in memory; another adds these, always in
    the same order, for atomic additions would give other bits in every run. By itself every such primitive is the two
    kernels one after the other. With ``gradient``, a network's vector that all gradients are stretches of, the partial
    sums stay, and so does what the criterion leaves: ``step_end()`` ends in a kernel that adds all of it up, to be run
    last, which *sets* the gradient and moves the parameters.
    """

    def __init__(self, backend, dtype, gradient=None):
        super().__init__(backend, np.dtype(dtype))
        self.gradient, self.left, self.late, self.blocks = gradient, [], [], None

    def prepare(self, primitive, *arguments):
        return self.launches(primitive, arguments)

    def launches(self, primitive, arguments):
        """The kernels that compute a primitive by itself, compiled and bound."""
        with self.backend.memory_errors():
            launch = getattr(self, primitive)(*arguments)
        return launch if type(launch) is Launches else Launches([launch])

    def sequence(self, functions):
        return Launches(functions)

    # ---------------------------------------------------------------------------------------------- the batch

    def gather(self, images, all_labels, order, position, table, x, labels):
        self._reals(table=table, x=x)
        self._typed(np.uint8, images=images, all_labels=all_labels)
        self._typed(np.int64, order=order, position=position)
        self._typed(np.int32, labels=labels)
        (height, width), (_, high, wide, batch) = images.shape[1:], x.shape
        arguments = (images, all_labels, order, position, table, x, labels, height, width, high, wide, batch)
        return self._rows("gather.cu", "gather", height, width * batch, arguments)

    # --------------------------------------------------------------------------------------------- the layers

    def convolution(self, x, weights, bias, window, connections, squash, y):
        self._reals(x=x, weights=weights, bias=bias, y=y)
        maps, depth, columns = len(y), math.prod(window.size) * len(x), math.prod(y.shape[1:])
        count, table = slices(maps, depth, columns), self._table(connections)
        arguments = (x, weights, table, bias, y, *_sizes(x, y, window), maps, count, *_squash(squash))
        return self._product("convolution.cu", "convolution", maps, columns, count, arguments)

    def convolution_input_gradient(self, d, weights, x, window, connections, squash, dx):
        self._reals(d=d, weights=weights, x=x, dx=dx)
        maps, channels, columns = len(d), len(x), math.prod(x.shape[1:])
        count, table = slices(channels, maps * math.prod(window.size), columns), self._table(connections)
        arguments = (d, weights, table, x, dx, *_sizes(x, d, window), maps, count, *_squash(squash))
        name = "convolution_input_gradient"
        return self._product(f"{name}.cu", name, channels, columns, count, arguments)

    def convolution_weight_gradient(self, d, x, window, connections, dweights, dbias):
        outputs, inputs = np.array(connections.pairs).T
        area, depth = math.prod(window.size), connections.inputs * math.prod(window.size)
        first = outputs * (depth + 1) + inputs * area  # where the sums of a kernel's weights begin
        places = first[:, None] + np.arange(area)
        return self._weight_gradient(d, x, _sizes(x, d, window), depth, dweights, places, dbias)

    def dense(self, x, weights, bias, squash, y):
        self._reals(x=x, weights=weights, bias=bias, y=y)
        (rows, columns), depth = y.shape, len(x)
        count = slices(rows, depth, columns)
        arguments = (x, weights, bias, y, rows, depth, columns, count, *_squash(squash))
        return self._product("product.cu", "dense", rows, columns, count, arguments)

    def dense_input_gradient(self, d, weights, x, squash, dx):
        self._reals(d=d, weights=weights, x=x, dx=dx)
        (rows, columns), depth = dx.shape, len(d)
        count = slices(rows, depth, columns)
        arguments = (d, weights, x, dx, rows, depth, columns, count, *_squash(squash))
        return self._product("product.cu", "dense_input_gradient", rows, columns, count, arguments)

    def dense_weight_gradient(self, d, x, dweights, dbias):
        maps, depth, columns = len(d), len(x), x.shape[1]
        one_pixel = (depth, 1, 1, columns, 1, 1, 1, 1, 1, 1, 0, 0)  # a convolution on images of one pixel
        places = np.arange(maps)[:, None] * (depth + 1) + np.arange(depth)
        blocks = 1 if columns <= WHOLE else ENOUGH_BLOCKS
        launch = self._weight_gradient(d, x, one_pixel, depth, dweights, places, dbias, blocks)
        if type(launch) is Left:
            launch.layer = dweights, dbias
        return launch

    def _weight_gradient(self, d, x, sizes, depth, dweights, places, dbias, blocks=ENOUGH_BLOCKS):
        self._reals(d=d, x=x, dweights=dweights, dbias=dbias)
        maps, columns = len(d), d.size // len(d)
        kernels.check_axes("weight_gradient", maps, columns)
        tiles = -(-(depth + 1) // 32), -(-maps // 16)  # of 32 weights and 16 maps
        parts, length = _parts(math.prod(tiles), columns, blocks)

        def bind(partial):
            arguments = (d, x, partial, *sizes, maps, length)
            return self._bind("weight_gradient.cu", "weight_gradient", (*tiles, parts), (WARP, WARPS), arguments)

        biases = np.arange(1, maps + 1) * (depth + 1) - 1
        launch = self._sums(parts, maps * (depth + 1), bind, [(dweights, places), (dbias, biases)])
        if type(launch) is Left:
            launch.tiles = d, x, sizes, maps, length, (*tiles, parts)
        return launch

    def subsampling(self, x, coefficient, bias, window, squash, y):
        self._reals(x=x, coefficient=coefficient, bias=bias, y=y)
        arguments = (x, coefficient, bias, y, *x.shape, *window.size, *_squash(squash))
        rows, columns = math.prod(y.shape[:2]), math.prod(y.shape[2:])
        return self._rows("trainable_subsampling.cu", "subsampling", rows, columns, arguments)

    def subsampling_backward(self, d, x, coefficient, window, squash, dx, dcoefficient, dbias):
        self._reals(d=d, x=x, coefficient=coefficient, dx=dx, dcoefficient=dcoefficient, dbias=dbias)
        maps, columns, name = len(d), d.size // len(d), "subsampling_backward"
        kernels.check_axes(name, maps, columns)
        parts, length = _parts(maps, columns)

        def bind(partial):
            arguments = (d, x, coefficient, dx, partial, *x.shape, *window.size, length, *_squash(squash))
            return self._bind("trainable_subsampling.cu", name, (parts, maps), (kernels.THREADS,), arguments)

        targets = [(dcoefficient, np.arange(maps)), (dbias, maps + np.arange(maps))]
        return self._sums(parts, 2 * maps, bind, targets)

    def max_pool(self, x, window, y, winner):
        self._reals(x=x, y=y)
        self._typed(np.int32, winner=winner)
        return self._pool("max_pooling.cu", "max_pool", y, (x, y, winner), x, y, window)

    def max_pool_backward(self, d, winner, window, dx):
        self._reals(d=d, dx=dx)
        self._typed(np.int32, winner=winner)
        return self._pool("max_pooling.cu", "max_pool_backward", dx, (d, winner, dx), dx, d, window)

    def avg_pool(self, x, window, y):
        self._reals(x=x, y=y)
        return self._pool("average_pooling.cu", "avg_pool", y, (x, y), x, y, window)

    def avg_pool_backward(self, d, window, dx):
        self._reals(d=d, dx=dx)
        return self._pool("average_pooling.cu", "avg_pool_backward", dx, (d, dx), dx, d, window)

    def _pool(self, file, name, result, arrays, x, y, window):
        arguments = (*arrays, *x.shape, *y.shape[1:3], *window.size, *window.stride)
        return self._rows(file, name, math.prod(result.shape[:2]), math.prod(result.shape[2:]), arguments)

    def dropout(self, x, kept, position, first, p, y):
        self._reals(x=x, y=y)
        return self._drop("dropout", (x, kept, position, first, y), p, ())

    def dropout_backward(self, d, kept, position, first, p, x, squash, dx):
        self._reals(d=d, x=x, dx=dx)
        return self._drop("dropout_backward", (d, kept, position, first, x, dx), p, _squash(squash))

    def _drop(self, name, arrays, p, squash):
        x, kept, position, first, *_ = arrays
        self._typed(np.uint8, kept=kept)
        self._typed(np.int64, position=position, first=first)
        rows, columns = math.prod(x.shape[:-1]), x.shape[-1]
        arguments = (*arrays, rows, columns, kept.shape[1], float(1 - p), *squash)
        return self._rows("dropout.cu", name, rows, columns, arguments)

    def activation(self, x, function, y):
        self._reals(x=x, y=y)
        return self._activation(function, "", (x, y))

    def activation_backward(self, d, y, function, dx):
        self._reals(d=d, y=y, dx=dx)
        return self._activation(function, "_backward", (d, y, dx))

    def _activation(self, function, direction, arrays):
        (name, *constants), size = function, arrays[0].size
        file, name = ("squash.cu", "scaled_tanh") if name == "tanh" else ("activations.cu", name)
        arguments = (*arrays, np.int64(size), *map(float, constants))
        return kernels.bind_flat(self.backend.xp, file, name + direction, self.dtype.name, size, arguments)

    def squared_distances(self, x, prototypes, y):
        self._reals(x=x, prototypes=prototypes, y=y)
        return self._rows("rbf.cu", "squared_distances", *y.shape, (x, prototypes, y, len(x), *y.shape))

    def squared_distances_backward(self, d, x, prototypes, squash, dx):
        self._reals(d=d, x=x, prototypes=prototypes, dx=dx)
        arguments = (d, x, prototypes, dx, len(x), *d.shape, *_squash(squash))
        return self._rows("rbf.cu", "squared_distances_backward", *x.shape, arguments)

    # ------------------------------------------------------------------------------------------- the criteria

    def rbf_criterion(self, x, prototypes, labels, j, scale, squash, d, result):
        self._reals(x=x, prototypes=prototypes, scale=scale, d=d)
        (features, batch), classes = x.shape, len(prototypes)
        blocks = self._blocks(batch)
        sums, distances = WARPS * SAMPLES, 2 * classes * SAMPLES
        shared, outside = (sums + distances) * self.dtype.itemsize, None
        if shared > kernels.free_shared_memory(self.backend.xp, "rbf.cu", "rbf_criterion", self.dtype.name):
            shared, outside = sums * self.dtype.itemsize, self.array((len(blocks), distances), self.dtype)
        arguments = (x, prototypes, labels, scale, d, blocks, outside, features, classes, batch,
                     j is not None, float(0 if j is None else j), *_squash(squash))  # fmt: skip
        return self._criterion("rbf.cu", "rbf_criterion", labels, blocks, result, arguments, shared)

    def cross_entropy(self, z, labels, scale, d, result):
        self._reals(z=z, scale=scale, d=d)
        classes, batch = z.shape
        blocks = self._blocks(batch)
        arguments = (z, labels, scale, d, blocks, classes, batch)
        return self._criterion("cross_entropy.cu", "cross_entropy", labels, blocks, result, arguments)

    def _blocks(self, batch):
        return self.array((-(-batch // SAMPLES), 2), np.float64)

    def _criterion(self, file, name, labels, blocks, result, arguments, shared=0):
        self._typed(np.int32, labels=labels)
        launch = self._bind(file, name, (len(blocks),), (SAMPLES, WARPS), arguments, shared)
        if self.gradient is not None:
            self.blocks = blocks
            return launch
        self._typed(np.float64, result=result)
        added = self._bind("result_sum.cu", "result_sum", (1,), (WARP, WARPS), (blocks, len(blocks), result))
        return Launches([launch, added])

    # --------------------------------------------------------------------------------------------- the update

    def gradient_sum(self, parts, gradient):
        self._reals(parts=parts, gradient=gradient)
        rows, size = parts.shape
        return self._gradient_sum(parts, np.arange(size), size, rows, gradient, adds=False)

    def sgd(self, values, gradient, velocities, rates, settings, nesterov):
        self._reals(values=values, gradient=gradient, velocities=velocities, rates=rates, settings=settings)
        arguments = (values, gradient, velocities, rates, settings, bool(nesterov), values.size)
        return kernels.bind_flat(self.backend.xp, "sgd.cu", "sgd", self.dtype.name, values.size, arguments)

    # --------------------------------------------------------------------------- sums over a part of a batch

    def step_end(self, values, velocities, curvature, nesterov, data, *, summed=False):
        """A function that makes the launches at the end of a step (kernels/cuda/step_end.cuh), for the step's place in
        its graph (0: the first). Call it once, when all is prepared.

        curvature: None, or what each parameter's rate is divided by; data: of the epoch, ``DeviceData`` of graph.py;
        summed: the gradient is there already, by ``gradient_sums``.
        """
        self._reals(values=values, velocities=velocities, curvature=curvature)
        gradients = [left for left in self.late if left.layer and left.parts == 1 and not summed]
        if summed:
            launches, partial, table = [], None, np.zeros((3, values.size), np.int32)
        else:
            launches, partial, table = self._bind_sums(gradients)
        arrays = values, velocities, curvature
        end = step_end(self, arrays, nesterov, data, gradients, partial, table)
        return lambda ahead: Launches([*launches, end(ahead)])

    def gradient_sums(self):
        """The launches that end in all sums that were left: the whole gradient. Call it once, when all is prepared."""
        launches, partial, table = self._bind_sums()
        grid, table = (-(-self.gradient.size // WARP),), map(self.asarray, table)
        arguments = (partial, *table, self.gradient, self.gradient.size, False)
        added = self._bind("gradient_sum.cu", "gradient_sum", grid, (WARP, WARPS), arguments)
        return Launches([*launches, added])

    def _bind_sums(self, but=()):
        """(the launches that were put off, partial sums, (first, step, count) of each element of the gradient), when
        all kernels ``but`` these that leave some have a place for them."""
        lefts = [left for left in self.left if left not in but]
        total = sum(left.parts * left.size for left in lefts)
        if total >= 2**31:
            raise ValueError(f"the partial sums of the gradients have {total:,} elements, more than 32 bits count")
        partial, start, table = self.array(max(total, 1), self.dtype), 0, np.zeros((3, self.gradient.size), np.int32)
        for left in lefts:
            left.partial = partial[start : start + left.parts * left.size]
            left.launch = left.bind and left.bind(left.partial)
            for gradient, places in left.targets:
                here = self.stretch(gradient)
                table[0, here], table[1:, here] = start + places.reshape(-1), [[left.size], [left.parts]]
            start += left.parts * left.size
        return side_by_side(self, [left for left in self.late if left in lefts]), partial, table

    def _sums(self, parts, size, bind, targets):
        """A kernel whose blocks leave sums over ``parts`` parts, ``size`` each; ``bind(partial)`` makes it.

        targets: (gradient or None, where in a part's sums its elements' are).
        """
        targets = [(gradient, places) for gradient, places in targets if gradient is not None]
        if self.gradient is not None:
            self.left.append(Left(parts, size, bind, targets))
            return self.left[-1]
        partial = self.array(parts * size, self.dtype)
        added = [self._gradient_sum(partial, places, size, parts, gradient, True) for gradient, places in targets]
        return Launches([bind(partial), *added])

    def _gradient_sum(self, partial, first, step, count, gradient, adds):
        table = np.empty((3, gradient.size), np.int32)
        table[0], table[1], table[2] = first.reshape(-1), step, count
        arguments = (partial, *map(self.asarray, table), gradient, gradient.size, adds)
        grid = (-(-gradient.size // WARP),)
        return self._bind("gradient_sum.cu", "gradient_sum", grid, (WARP, WARPS), arguments)

    def stretch(self, a):
        """Which stretch of the gradient's vector ``a`` is a view of."""
        start = (a.data.ptr - self.gradient.data.ptr) // a.itemsize
        if not 0 <= start <= self.gradient.size - a.size:
            raise ValueError("a parameter's gradient is not part of the gradient that the form was made for")
        return slice(start, start + a.size)

    # ---------------------------------------------------------------------------------------------- launches

    def _bind(self, file, name, grid, block, arguments, shared=0):
        return kernels.bind(self.backend.xp, file, name, self.dtype.name, grid, block, arguments, shared)

    def _rows(self, file, name, rows, columns, arguments):
        return kernels.bind_rows(self.backend.xp, file, name, self.dtype.name, rows, columns, arguments)

    def _product(self, file, name, rows, columns, count, arguments):
        """A kernel that is built on product.cuh."""
        kernels.check_axes(name, rows, columns)
        grid = (-(-columns // (WARP * WARPS // count)), -(-rows // ROWS))
        return self._bind(file, name, grid, (WARP, WARPS), arguments)

    def _table(self, connections):
        """Which kernel connects output map o with input map c, -1 for none; None where it is simply o·C + c."""
        table = np.full((connections.outputs, connections.inputs), -1, np.int32)
        table[tuple(zip(*connections.pairs))] = np.arange(len(connections.pairs))
        return None if (table.reshape(-1) == np.arange(table.size)).all() else self.asarray(table)

    def _reals(self, **arrays):
        """Raise unless all of the ``arrays`` (None excepted) are ones that a kernel takes, of the form's dtype."""
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"a GPU's kernels compute in float32 or float64, got {self.dtype}")
        self._typed(self.dtype, **arrays)

    def _typed(self, dtype, **arrays):
        for name, a in arrays.items():
            if a is None:
                continue
            self.backend.resident(name, a)
            if a.dtype != dtype:
                raise TypeError(f"{name} must be {np.dtype(dtype)}, got {a.dtype}")
            if not a.flags.c_contiguous:
                raise ValueError(f"{name} must be C-contiguous: a kernel reads and writes it in place")


class Left:
    """A kernel that leaves partial sums in an array which is made for all such kernels together.

    tiles: of a weight gradient, whose tiles may share a kernel with others; layer: a fully connected one's (gradient of
    its weights, of its biases or None).
    """

    tiles = layer = None

    def __init__(self, parts, size, bind, targets):
        self.parts, self.size, self.bind, self.targets = parts, size, bind, targets

    def __call__(self):
        self.launch()


class Launches(tuple):
    """Launches as one function of no arguments: all of them, in order."""

    def __call__(self):
        for launch in self:
            launch()


def slices(rows, depth, columns):
    """How many warps share the depth of a product (1, 2, 4 or 8), so that small products still fill the GPU."""
    warps, count = math.ceil(rows / ROWS) * math.ceil(columns / WARP), 1
    while count < WARPS and count * warps < ENOUGH_WARPS and depth >= 16 * count:  # at least 8 terms a slice
        count *= 2
    return count


def _parts(blocks, columns, enough=ENOUGH_BLOCKS):
    """(parts, length): parts of ``length`` outputs, the last may have fewer, that bring ``blocks`` blocks for each to
    about ``enough``, all of them with something to do."""
    tiles = -(-columns // TILE)
    each = -(-tiles // min(tiles, max(1, enough // blocks)))  # tiles in a part
    return -(-tiles // each), each * TILE


def _sizes(x, y, window):
    """The integers that describe a convolution from x to y, in the order of the kernels' signatures."""
    return (*x.shape, *y.shape[1:3], *window.size, *window.stride, *window.padding)


def _squash(squash):
    """The last three arguments of a kernel with a squashing function."""
    amplitude, slope = squash or (1, 1)
    return squash is not None, float(amplitude), float(slope)
