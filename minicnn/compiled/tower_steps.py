"""Each primitive as part of a tower: what it wants in shared memory, and the call of its function in kernels/cuda."""

import math
import types

import numpy as np

THREADS = 512
"""Threads of a tower's blocks."""

LONGEST_RUN = 14
"""Neighbours in a row of which one thread keeps the sums in registers."""

FEWEST_ROWS = 3
"""Of a map, in a slice of a weight gradient: for fewer, to add up the slices takes longer than what they save."""

LANES, ROWS_A_WARP, AHEAD, COLUMNS_AT_ONCE = 32, 8, 128, 1024
"""Threads that share a row of a matrix, rows that they have at a time, bytes of them that a thread loads before it
needs them, and columns for which the sums of all warps lie side by side, as in kernels/cuda/tower.cuh and
tower_dense.cuh."""

HELD = 256
"""Bytes of weights that a thread keeps in registers from the way forward to the way back: half of what it has."""

WARPS = THREADS // LANES

WIDEST = 16
"""Bytes that a thread loads at once, where an array begins at a multiple of that, as all do in shared memory."""

SMALL = 2048
"""Elements of a parameter that is fetched into shared memory when a tower begins, so that no layer waits for it."""

ALONE = 128
"""Samples of which each has a multiprocessor of a large GPU by itself, with all of its shared memory and registers."""

MOST_READ = 2**22
"""Elements that all blocks together may read of a fully connected layer's weights, each block all of them: 16 MB in
float32 pass through a large GPU's second-level cache in the time that two or three small kernels take to start."""


NOT_IN_A_KERNEL = "dweights", "dbias", "dcoefficient", "result"
"""Arguments that ``gradient_sum.cu`` and ``step_end.cuh`` write."""


class Step:
    """Of a primitive with these arguments, by name.

    near: {argument: (rows, columns of zeros around it, length of a row that is read)} of what its function reads from
    shared memory; scratch: elements of shared memory that it works with; tables: rows of integers that it reads there;
    sums: elements that it leaves to be added up, and targets = [(gradient, where in these sums its own are)];
    waited_for: whether other steps read what it makes; rest(at): what of it is left to do, beside the next step, once
    all threads have done the first part; early(at): a declaration that begins with the tower, before anything is in
    shared memory, where the step is the first; keeps: whether its weights are better off in shared memory, as far as
    there is room; ahead(at): a declaration that begins a step earlier, to load weights that go ``in_registers``.
    """

    scratch, sums, targets, tables, waited_for, rest, early = 0, 0, (), (), True, None, None
    keeps, ahead = False, None
    near: types.MappingProxyType[str, tuple[int, int, int]] = types.MappingProxyType({})

    def __init__(self, **named):
        self.__dict__.update(named)

    def text(self, at):
        """The call; ``at`` has the C++ expression of every argument, of ``scratch`` and ``sums``, and of all tables."""
        raise NotImplementedError


class Gather(Step):
    def early(self, at):
        height, width = self.images.shape[1:]
        return (f"Picture<{height}, {width}, decltype({at.x})> picture({at.images}, {at.all_labels}, {at.order}, "
                f"{at.position}, {at.labels}, n)")  # fmt: skip

    def text(self, at):
        return f"picture.through({at.table}, {at.x})"


class _Correlation(Step):
    """What both ways through a convolution share: sums over all kernels of a map for each element of ``out``."""

    back = False

    def layout(self, out, inner):
        """run, slices; what is read of ``inner`` and the kernels is near."""
        (kh, kw), (ph, pw) = self.window.size, self.window.padding
        maps, height, width, _ = out.shape
        runs = -(-width // LONGEST_RUN)
        self.run = -(-width // runs)
        firsts = [o if not self.back else c for o, c in self.connections.pairs]
        pairs = max(1, *np.bincount(firsts, minlength=1).tolist())
        most = max(1, min(THREADS // (maps * height * runs), pairs))
        self.slices = -(-pairs // -(-pairs // most))  # no more than share the pairs as evenly
        if self.slices > 1:
            self.scratch = self.slices * maps * height * ((width + 1) // 2 * 2 + 1)
        frame = (0, 0 if runs == 1 else kw - 1 - pw) if self.back else (ph, pw)
        read = 0 if self.back and runs == 1 else runs * self.run + kw - 1
        self.near = {inner: (*frame, read), "weights": (0, 0, 0)}
        self.constants, self.tables = f"{kh}, {kw}, {ph}, {pw}, {self.run}, {self.slices}", self.pairs()

    def pairs(self):
        """first (M + 1,), kernel, other: see ``Pairs`` in kernels/cuda/tower_convolution.cuh."""
        ends = np.array(self.connections.pairs)[:, :: -1 if self.back else 1]
        kernel = np.argsort(ends[:, 0], kind="stable")
        maps = self.connections.inputs if self.back else self.connections.outputs
        first = np.searchsorted(ends[kernel, 0], np.arange(maps + 1))
        return first, kernel, ends[kernel, 1]


class Convolution(_Correlation):
    def __init__(self, **named):
        super().__init__(**named)
        self.layout(self.y, "x")

    def text(self, at):
        return (f"convolution<{self.constants}>({at.x}, {at.weights}, Pairs{{{at.tables}}}, {at.bias}, "
                f"{squash(self.squash)}, {at.y}, {at.scratch})")  # fmt: skip


class ConvolutionInputGradient(_Correlation):
    back = True

    def __init__(self, **named):
        super().__init__(**named)
        self.layout(self.dx, "d")

    def text(self, at):
        return (f"convolution_input_gradient<{self.constants}>({at.d}, {at.weights}, Pairs{{{at.tables}}}, "
                f"{at.x}, {squash(self.squash)}, {at.dx}, {at.scratch})")  # fmt: skip


class ConvolutionWeightGradient(Step):
    """``share_threads`` says how it is divided among threads."""

    waited_for = False

    def __init__(self, **named):
        super().__init__(**named)
        (kh, kw), (ph, pw) = self.window.size, self.window.padding
        maps, self.height, width, _ = self.d.shape
        self.rows, self.work = len(self.connections.pairs) * kh, width * kw
        self.sums, self.near = self.rows * kw + maps, {"x": (ph, pw, 0), "d": (0, 0, 0)}
        self.targets = [(self.dweights, np.arange(self.rows * kw)), (self.dbias, np.arange(self.rows * kw, self.sums))]
        self.tables = np.array(self.connections.pairs).T
        self.constants = f"{kh}, {kw}, {ph}, {pw}, {len(self.connections.pairs)}"

    def text(self, at):
        return (f"convolution_weight_gradient<{self.constants}, {self.slices}, {self.first}>({at.d}, "
                f"{at.x}, {at.tables}, {at.sums if self.slices == 1 else at.scratch})")  # fmt: skip

    def add_slices(self, at):
        return f"add_up<{self.sums}, {self.slices}, 1, {self.sums}>({at.scratch}, {at.sums})"


def share_threads(gradients):
    """Divide the threads of a block among weight gradients of convolutions, so that the thread with most to do has as
    little as possible: how many ``slices`` of its maps' rows each has, and which thread is its ``first``. No warp has a
    part of two of them, which it would do one after the other."""
    for most in sorted({rows * g.work for g in gradients for rows in range(1, g.height + 1)}):
        first = 0
        for g in gradients:
            g.slices = -(-g.height // min(g.height, max(most // g.work, FEWEST_ROWS)))
            g.scratch, g.rest = (g.sums * g.slices, g.add_slices) if g.slices > 1 else (0, None)
            g.first, first = first, first + -(-g.rows * g.slices // LANES) * LANES
        if first <= THREADS:
            break


class _Product(Step):
    """What both ways through a fully connected layer share: W (M, K) in rows."""

    def __init__(self, **named):
        super().__init__(**named)
        self.wide = at_once(self.weights)
        self.keeps = self.wide > 1 and not self.in_registers()

    def in_registers(self, near_rows=0):
        """Bytes of its weights that a thread has in registers, all but the rows in shared memory; 0 where they are too
        many. See ``Rows`` in kernels/cuda/tower.cuh."""
        (rows, depth), itemsize = self.weights.shape, self.weights.itemsize
        each, spans = -(-rows // WARPS), -(-depth // (LANES * self.wide))
        size = (each - near_rows // WARPS) * spans * self.wide * itemsize
        return size if each <= ROWS_A_WARP and size <= AHEAD else 0

    def type(self, at):
        return f"Rows<{', '.join(map(str, self.weights.shape))}, {self.wide}, {at.near_rows}>"

    def ahead(self, at):
        return f"{self.type(at)} {at.rows}({at.weights}, {at.near})"

    def rows(self, at):
        return at.rows or f"{self.type(at)}({at.weights}, {at.near})"


class Dense(_Product):
    def __init__(self, **named):
        super().__init__(**named)
        self.scratch, self.near = sums_of_rows(len(self.y)), {"x": (0, 0, 0)}

    def text(self, at):
        return (f"dense({at.x}, {self.rows(at)}, {at.bias}, {squash(self.squash)}, {at.y}, "
                f"{at.scratch})")  # fmt: skip


class DenseInputGradient(_Product):
    def __init__(self, **named):
        super().__init__(**named)
        self.scratch, self.near = WARPS * min(len(self.dx), COLUMNS_AT_ONCE), {"d": (0, 0, 0)}

    def text(self, at):
        return (f"dense_input_gradient({at.d}, {self.rows(at)}, {at.x}, {squash(self.squash)}, {at.dx}, "
                f"{at.scratch})")  # fmt: skip


class Subsampling(Step):
    def text(self, at):
        size_h, size_w = self.window.size
        return (f"subsampling<{size_h}, {size_w}>({at.x}, {at.coefficient}, {at.bias}, {squash(self.squash)}, "
                f"{at.y})")  # fmt: skip


class SubsamplingBackward(Step):
    def __init__(self, **named):
        super().__init__(**named)
        maps, outputs = len(self.d), math.prod(self.d.shape[1:-1])
        self.lanes = 1
        while 2 * self.lanes <= min(64, THREADS // maps, outputs):
            self.lanes *= 2
        self.sums, self.scratch = 2 * maps, 2 * maps * (self.lanes + 1)
        self.targets = [(self.dcoefficient, np.arange(maps)), (self.dbias, maps + np.arange(maps))]

    def text(self, at):
        size_h, size_w = self.window.size
        return (f"subsampling_backward<{size_h}, {size_w}, {self.lanes}>({at.d}, {at.x}, {at.coefficient}, "
                f"{squash(self.squash)}, {at.dx}, {at.scratch})")  # fmt: skip

    def rest(self, at):
        return f"add_up<{self.sums}, {self.lanes}, {self.lanes + 1}, 1>({at.scratch}, {at.sums})"


class MaxPool(Step):
    def text(self, at):
        return f"max_pool<{_window(self.window)}>({at.x}, {at.y}, {at.winner})"


class MaxPoolBackward(Step):
    def text(self, at):
        return f"max_pool_backward<{_window(self.window)}>({at.d}, {at.winner}, {at.dx})"


class Dropout(Step):
    def text(self, at):
        return f"dropout({at.x}, {self.mask(at)}, {at.y})"

    def mask(self, at):
        column = f"{at.kept} + ({at.position}[0] - {at.first}[0] + n)"
        return f"{column}, {self.kept.shape[1]}, real({float(1 - self.p)!r})"


class DropoutBackward(Dropout):
    def text(self, at):
        return f"dropout_backward({at.d}, {self.mask(at)}, {at.x}, {squash(self.squash)}, {at.dx})"


class Activation(Step):
    def text(self, at):
        return f"activation({at.x}, {_function(self.function)}, {at.y})"


class ActivationBackward(Step):
    def text(self, at):
        return f"activation_backward({at.d}, {at.y}, {_function(self.function)}, {at.dx})"


class SquaredDistances(Step):
    def __init__(self, **named):
        super().__init__(**named)
        self.scratch, self.near = sums_of_rows(len(self.y)), {"x": (0, 0, 0)}

    def text(self, at):
        return f"squared_distances({at.x}, {at.prototypes}, {at.y}, {at.scratch})"


class RBFCriterion(Step):
    def __init__(self, **named):
        super().__init__(**named)
        classes = len(self.prototypes)
        self.scratch, self.near = 2 * classes + sums_of_rows(classes), {"x": (0, 0, 0)}

    def text(self, at):
        discriminative = "false" if self.j is None else "true"
        return (f"rbf_criterion<{len(self.prototypes)}>({at.x}, {at.prototypes}, {at.labels}, {at.scale}, {at.d}, "
                f"{at.blocks()}, n, {discriminative}, {at.real('rubbish', self.j or 0)}, {squash(self.squash)}, "
                f"{at.scratch})")  # fmt: skip


class CrossEntropy(Step):
    scratch = 2

    def text(self, at):
        return f"cross_entropy({at.z}, {at.labels}, {at.scale}, {at.d}, {at.blocks()}, n, {at.scratch})"


def sums_of_rows(rows):
    """Elements that ``sum_rows`` of kernels/cuda/tower.cuh works with."""
    return WARPS * min(ROWS_A_WARP, -(-rows // WARPS)) * (LANES + 1)


def at_once(weights):
    """Elements of a row that one load fetches: 16 bytes of them, where every row begins at a multiple of that."""
    count = WIDEST // weights.itemsize
    return count if weights.shape[1] % count == 0 and address(weights) % WIDEST == 0 else 1


def address(a):
    """Where an array begins: views of one array are one. None for no array."""
    if a is None:
        return None
    return a.data.ptr if hasattr(a.data, "ptr") else a.ctypes.data


def is_array(a):
    return hasattr(a, "dtype") and hasattr(a, "shape")


def squash(constants):
    """``Squash`` of kernels/cuda/squash.cuh."""
    if constants is None:
        return "Squash{0, 1, 1}"
    return "Squash{1, " + ", ".join(f"real({float(c)!r})" for c in constants) + "}"


def _window(window):
    return ", ".join(map(str, (*window.size, *window.stride)))


def _function(function):
    name, *constants = function
    if name == "tanh":
        return squash(constants)
    kind = {"sigmoid": "Sigmoid", "relu": "ReLU", "leaky_relu": "LeakyReLU"}[name]
    return f"{kind}{{{', '.join(f'real({float(c)!r})' for c in constants)}}}"


STEPS = {
    "gather": Gather, "convolution": Convolution, "convolution_input_gradient": ConvolutionInputGradient,
    "convolution_weight_gradient": ConvolutionWeightGradient, "dense": Dense,
    "dense_input_gradient": DenseInputGradient, "subsampling": Subsampling,
    "subsampling_backward": SubsamplingBackward, "max_pool": MaxPool, "max_pool_backward": MaxPoolBackward,
    "dropout": Dropout, "dropout_backward": DropoutBackward, "activation": Activation,
    "activation_backward": ActivationBackward, "squared_distances": SquaredDistances, "rbf_criterion": RBFCriterion,
    "cross_entropy": CrossEntropy,
}  # fmt: skip


def step(primitive, named):
    """The primitive as part of a tower, None if it cannot be: too many weights for every block, or a stride."""
    window, weights = named.get("window"), named.get("weights")
    if primitive.startswith("convolution"):
        beyond = any(p >= k for p, k in zip(window.padding, window.size))
        if window.stride != (1, 1) or beyond:
            return None
    if primitive.startswith("dense") and (weights is None or weights.size * named["x"].shape[-1] > MOST_READ):
        return None
    return STEPS[primitive](**named) if primitive in STEPS else None
