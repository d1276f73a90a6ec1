"""Kernels whose blocks have different things to do: gradients of weights side by side, and the end of a step.

What does not wait for each other can be one kernel, which is written here: so many blocks for this, so many for that.
A tile of a gradient is ``weight_gradient_tile`` of kernels/cuda/weight_gradient.cuh, the rest is in step_end.cuh.
"""

import numpy as np

from minicnn.backend import kernels

WARP, WARPS = 32, 8
"""A block is (32, 8) threads."""

HEADERS = "common", "receptive", "weight_gradient", "sums", "sgd", "step_end"


class Blocks:
    """A kernel in the making: its parameters with their arguments, and what its blocks do."""

    def __init__(self, form, name):
        self.form, self.name, self.parameters, self.arguments = form, name, [], []
        self.shared, self.calls, self.count = {}, [], 0

    def take(self, kind, name, argument):
        """A parameter of the kernel; returns its name."""
        self.parameters.append(f"{kind}{' __restrict__' if '*' in kind else ''} {name}")
        self.arguments.append(argument)
        return name

    def table(self, name, numbers):
        return self.take("const int*", name, self.form.asarray(numbers.astype(np.int32)))

    def add(self, count, call, **shared):
        """So many blocks more, which do ``call``; b is a block's number among them. shared: declarations, by name."""
        self.calls.append((count, call))
        self.count += count
        self.shared |= shared

    def add_tiles(self, left, end):
        """Blocks for the gradient of a layer's weights; ``end`` takes the sums."""
        number, (d, x, sizes, maps, length, (wide, high, parts)) = len(self.calls), left.tiles
        arrays = ", ".join(self.take("const real*", f"{name}{number}", a) for name, a in (("d", d), ("x", x)))
        geometry, tile = ", ".join(map(str, sizes)), f"b % {wide}, b / {wide} % {high}, b / {wide * high}"
        call = f"weight_gradient_tile(tile, {arrays}, Geometry{{{geometry}}}, {maps}, {length}, {tile}, {end})"
        self.add(wide * high * parts, call, tile="WeightGradientMemory tile")

    def bind(self, before=(), **last):
        """The launch; before: lines in front of what the blocks do; last: integers that are the last arguments."""
        parameters = [*self.parameters, *(f"int {name}" for name in last)]
        body, earlier = [*(f"__shared__ {what};" for what in self.shared.values()), *before, "int b = blockIdx.x;"], 0
        for count, call in self.calls:
            body.append(f"else if ((b -= {earlier}) < {count}) {call};" if earlier else f"if (b < {count}) {call};")
            earlier = count
        text = "\n".join([
            *(f'#include "{header}.cuh"' for header in HEADERS), "",
            f'extern "C" __global__ void __launch_bounds__({WARP * WARPS}, 2) {self.name}(',
            ",\n".join(f"    {p}" for p in parameters) + ")",
            "{", *(f"    {line}" for line in body), "}", "",
        ])  # fmt: skip
        how = kernels.Written(text), self.name, self.form.dtype.name, (self.count,), (WARP, WARPS)
        return kernels.bind(self.form.backend.xp, *how, [*self.arguments, *last.values()])


def side_by_side(form, gradients):
    """[The launch that leaves the partial sums of these gradients], nothing for none."""
    blocks = Blocks(form, "weight_gradients")
    for number, left in enumerate(gradients):
        partial, maps = blocks.take("real*", f"partial{number}", left.partial), left.tiles[3]
        blocks.add_tiles(left, f"Partial{{{partial}, {maps}, {left.size // maps - 1}}}")
    return [blocks.bind()] if gradients else []


def step_end(form, arrays, nesterov, data, gradients, partial, table):
    """A function that makes the launch at the end of a step, for the step's place in its graph (0: the first).

    arrays: values, velocities, and the curvature or None; data: of the epoch, ``DeviceData`` of graph.py; gradients:
    what was left of fully connected layers, to be computed here; partial, table: of all other parameters, see
    ``CudaForm._bind_sums``; where there are no partial sums, the gradient is there already.
    """
    blocks, (values, velocities, curvature) = Blocks(form, "step_end"), arrays
    for name, array in (("w", values), ("v", velocities), ("gradient", form.gradient)):
        blocks.take("real*", name, array)
    blocks.take("const real*", "curvature", curvature)
    blocks.take("int", "nesterov", bool(nesterov))
    elsewhere = np.ones(values.size, bool)
    for left in gradients:
        weights, biases = (None if a is None else form.stretch(a) for a in left.layer)
        for stretch in filter(None, (weights, biases)):
            elsewhere[stretch] = False
        where = f"{weights.start}, {-1 if biases is None else biases.start}, {left.size // left.tiles[3] - 1}"
        blocks.add_tiles(left, f"Layer{{move, {where}}}")
    counts = table[2]
    summed, whole = np.flatnonzero(elsewhere & (counts > 0)), np.flatnonzero(elsewhere & (counts == 0))
    if len(summed):
        blocks.take("const real*", "partial", partial)
        rows = zip(("parameter", "first", "step", "count"), (summed, *table[:, summed]))
        tables = ", ".join(blocks.table(name, numbers) for name, numbers in rows)
        call = f"move_by_sums(sums, move, partial, {tables}, {len(summed)}, b)"
        blocks.add(-(-len(summed) // WARP), call, sums="real sums[8][32]")
    if len(whole):
        call = f"move_by_gradient(move, {blocks.table('whole', whole)}, {len(whole)}, b)"
        blocks.add(-(-len(whole) // (WARP * WARPS)), call)
    blocks.take("const double*", "losses", form.blocks)
    blocks.take("double*", "results", data.results)
    fields = [blocks.take(*field) for field in (
        ("const offset*", "positions", data.positions), ("const real*", "scales", data.scales),
        ("int", "steps", len(data.results)), ("offset*", "position", data.position), ("real*", "scale", data.scale),
    )]  # fmt: skip
    call = f"add_blocks(pairs, losses, {len(form.blocks)}, results + 2 * (offset)turn)"
    blocks.add(1, call, pairs="double pairs[256][2]")
    blocks.add(1, f"Batches{{{', '.join(fields)}}}.set(turn + 1)")
    for field in (("const real*", "settings", data.settings), ("const real*", "rates", data.rates),
                  ("const int*", "now", data.step)):  # fmt: skip
        blocks.take(*field)
    before = [
        "int turn = now[0] + ahead;",
        "Move move = {w, v, gradient, curvature, rates[turn], {settings[0], settings[1], nesterov}};",
    ]

    def launch(ahead):
        return blocks.bind(before, ahead=ahead)

    return launch
