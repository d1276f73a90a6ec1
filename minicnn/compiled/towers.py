"""Towers: runs of primitives that one kernel computes, a block of threads for each sample (kernels/cuda/tower.cuh).

``plan`` finds them by a general rule. A primitive that needs nothing but its own sample, and parameters that every
block can read by itself, may stand in a tower; a run of two or more of them is one, and where what it keeps in shared
memory does not fit, its halves may be. Gradients of weights that stand between are put off to the end, for nobody waits
for them; in a tower, those of all convolutions are computed side by side. ``Tower`` lays out the shared memory and
writes the kernel: a list of calls of the functions in kernels/cuda/tower_*.cuh.
"""

import inspect
import itertools
from types import SimpleNamespace

import numpy as np

from minicnn.compiled import primitives
from minicnn.compiled.tower_memory import Buffer, Kept, Scratch, lay_out, shape_of
from minicnn.compiled.tower_steps import ALONE, HELD, SMALL, THREADS, WARPS, address, share_threads, step

OF_A_SAMPLE = ("x", "d", "y", "z", "dx", "labels", "winner")
"""Arguments of primitives whose last axis is the batch."""

WRITTEN = {
    "gather": ("x", "labels"), "convolution": ("y",), "dense": ("y",), "subsampling": ("y",),
    "max_pool": ("y", "winner"), "avg_pool": ("y",), "dropout": ("y",), "activation": ("y",),
    "squared_distances": ("y",), "rbf_criterion": ("d",), "cross_entropy": ("d",),
}  # fmt: skip
"""Those of them that a primitive writes; any other writes dx, if anything."""

HEADERS = (
    "common", "squash", "activations", "largest", "criteria", "tower", "tower_maps", "tower_convolution", "tower_dense",
)  # fmt: skip

NOT_IN_A_KERNEL = "dweights", "dbias", "dcoefficient", "result"
"""Arguments that ``gradient_sum.cu`` and ``step_end.cuh`` write."""

COUNTER = 2
"""Elements of shared memory, 8 bytes or more, where it is counted what has been sent there."""

TYPES = {"|u1": "unsigned char", "<i4": "int", "<i8": "offset", "<f4": "real", "<f8": "real"}


class Call:
    """A primitive and its arguments."""

    def __init__(self, primitive, arguments):
        self.primitive, self.arguments = primitive, arguments
        names = list(inspect.signature(getattr(primitives, primitive)).parameters)[1:]
        self.named = dict(zip(names, arguments, strict=True))
        self.samples = [name for name in OF_A_SAMPLE if name in self.named]
        self.step = step(primitive, self.named)

    def written(self):
        """Addresses of the arrays of a batch that the primitive writes."""
        return {address(self.named[n]) for n in self.samples if n in WRITTEN.get(self.primitive, ("dx",))}

    def read(self):
        return {address(self.named[n]) for n in self.samples} - self.written()


def plan(calls, memory):
    """(units, left out): Towers and Calls in an order that computes what the calls do; and the Towers of two that would
    need more than ``memory`` bytes of shared memory, whose calls stand among the units one by one."""
    units, run, later, left_out = [], [], [], []

    def fused(run):
        if len(run) < 2:
            return run
        tower, half = Tower(run, calls), len(run) // 2
        if tower.bytes <= memory:
            tower.keep_weights(memory)
            return [tower]
        if len(run) == 2:
            left_out.append(tower)
            return run
        return fused(run[:half]) + fused(run[half:])

    def close():
        units.extend(fused([*run]))
        run.clear()

    for call in calls:
        if call.step is not None:
            run.append(call)
        elif call.primitive.endswith("_weight_gradient"):
            later.append(call)
        else:
            close()
            units.append(call)
    close()
    units += later
    towers = [unit for unit in units if type(unit) is Tower]
    for number, tower in enumerate(towers):
        if tower.name in {other.name for other in towers[:number]}:
            tower.name += f"_{number}"
    others = [unit for unit in units if type(unit) is Call]
    for tower in towers:
        tower.shared_with = set().union(*(call.read() | call.written() for call in others))
    return units, left_out


class Tower:
    """A run of calls as one kernel, ``name``; ``bytes`` of shared memory, and ``text()`` when the plan is made."""

    def __init__(self, run, calls):
        self.calls = sorted(run, key=lambda call: not call.step.waited_for)
        self.steps = [step(call.primitive, call.named) for call in self.calls]
        share_threads([s for s in self.steps if not s.waited_for])
        self.name = f"{run[0].primitive}_to_{self.calls[-1].primitive}"
        self.samples, self.shared_with = run[0].named[run[0].samples[0]].shape[-1], set()
        self.read_elsewhere = set().union(*(call.read() for call in calls if call not in run))
        self.read_anywhere = set().union(*(call.read() for call in calls))
        self.kept = {}
        self._find_buffers()
        self._lay_out()

    def keep_weights(self, memory):
        """Let the first rows of weights that every block reads on both ways lie in shared memory, where they are sent
        while the first layers compute: as many as ``memory`` bytes have room for, if that is at least half of them;
        the largest weights come first."""
        readers = {}
        for number, call in enumerate(self.calls):
            if "weights" in call.named:
                readers.setdefault(address(call.named["weights"]), []).append(number)
        for place, numbers in sorted(readers.items(), key=lambda item: -self.calls[item[1][0]].named["weights"].size):
            first, last = numbers[0], numbers[-1]
            weights, wanted = self.calls[first].named["weights"], self.steps[first].keeps and self.samples <= ALONE
            if not wanted or first < 2 or place in self.buffers:
                continue
            for rows in range(len(weights) // WARPS * WARPS, len(weights) // 2, -WARPS):
                self.kept[place] = Kept(weights, rows, first, self._end(last))
                self._lay_out()
                if self.bytes <= memory:
                    break
                del self.kept[place]
        self._lay_out()

    # ------------------------------------------------------------------------------------------ shared memory

    def _find_buffers(self):
        """What lies in shared memory: arrays that one step hands to another, and those that are read many times."""
        self.buffers = {}
        written = {}
        for number, call in enumerate(self.calls):
            written.update({place: number for place in call.written()})
        real = next(call.named[n] for call in self.calls for n in call.samples if call.named[n].dtype.kind == "f").dtype
        self.itemsize = real.itemsize
        for number, call in enumerate(self.calls):
            read = call.read()
            for name, a in call.named.items():
                if not _is_array(a) or a.dtype != real:
                    continue
                place, frame, is_batch = address(a), self.steps[number].near.get(name), name in call.samples
                early = not is_batch and name not in NOT_IN_A_KERNEL and a.size <= SMALL
                if frame is None and not early and not (place in written and place in read and is_batch):
                    continue
                if place not in self.buffers:
                    start, made_here = written.get(place, -1 if early else number - 1), place in written
                    self.buffers[place] = Buffer(a, name, number, is_batch, start, made_here, early)
                self.buffers[place].used(self._end(number), frame or (0, 0, 0))
        for number, call in enumerate(self.calls):
            for name in call.samples:
                if buffer := self.buffers.get(address(call.named[name])):
                    buffer.used(self._end(number), as_array=call.named[name])
                    if not buffer.made_here:  # fetched before the first that reads it
                        buffer.first = min(buffer.first, number - 1)
        for place, buffer in self.buffers.items():
            buffer.left = buffer.made_here and self._leaves(place)
            if buffer.left:
                buffer.last = max(buffer.last, buffer.first + 1)

    def _end(self, number):
        """The step before whose end some thread may still be in step ``number``, but for its rest."""
        while self._goes_on(number):
            number += 1
        return number

    def _end_of_rest(self, number):
        """The step beside whose end is the rest of step ``number``."""
        end = self._end(number)
        return end if self.steps[number].rest is None else self._end(min(end + 1, len(self.steps) - 1))

    def _goes_on(self, number):
        """Whether a thread goes on from step ``number`` to the next without waiting for the others."""
        return 0 <= number < len(self.steps) - 1 and not self.steps[number].waited_for

    def _leaves(self, place):
        """Whether an array is wanted outside: somebody else reads it, or nobody does, as what a program is for."""
        return place in self.read_elsewhere or place not in self.read_anywhere

    def _lay_out(self):
        """Give everything that lies in shared memory its place there."""
        used = [(number, s.scratch) for number, s in enumerate(self.steps) if s.scratch]
        self.scratch = {number: Scratch(size, number, self._end_of_rest(number)) for number, size in used}
        self.table = np.array([n for s in self.steps for a in s.tables for n in a], np.int32)
        if len(self.table):
            self.scratch["tables"] = Scratch(-(-self.table.nbytes // self.itemsize), -1, len(self.steps))
        for kept in self.kept.values():
            self.scratch[f"counter{kept.reader}"] = Scratch(COUNTER, kept.first, len(self.steps))
        self.bytes = self.itemsize * lay_out([*self.buffers.values(), *self.kept.values(), *self.scratch.values()])

    # -------------------------------------------------------------------------------------------------- text

    def text(self):
        """(the kernel for ``source``, its arguments): arrays, tables as NumPy arrays, floats, and for partial sums and
        the criterion's results ("sums", step) and "blocks", which whoever launches it has to make."""
        self.parameters, self.arguments, self.names, self.variables, self.sums = [], [], {}, {}, {}
        self.rows, stages, rests, last = self._rows(), [], [], len(self.calls) - 1
        for number in range(-1, last + 1):
            arriving = [kept for kept in self.kept.values() if kept.reader == number + 1]
            stages += self._stage(number)
            stages += [f"arrived({self._counter(kept)});" for kept in arriving]
            if number >= 0 and self.steps[number].rest is not None:
                rests.append(f"{self.steps[number].rest(self._at(number))};")
            waits = arriving or self._fetched(number) or not self._goes_on(number)
            if stages and waits and (rests or number < last):
                stages += ["__syncthreads();", *rests]
                rests = []
        variables = [f"auto {name} = {value};" for value, name in self.variables.items()]
        body = ["DYNAMIC_SHARED(real, room);", "int n = blockIdx.x;", *variables, *stages]
        lines = [
            f'extern "C" __global__ void __launch_bounds__({THREADS}, 1) {self.name}(',
            *(f"    {p}," for p in self.parameters[:-1]), f"    {self.parameters[-1]})", "{",
            *(f"    {line}" for line in body), "}", "",
        ]  # fmt: skip
        return "\n".join(lines), self.arguments

    def _stage(self, number):
        """What happens between two barriers: step ``number``, and what the steps before and after it need of memory."""
        lines = self._leaving(number - 1) if number >= 0 else self._early()
        lines += [f"copy({self._stored(b)}, {self._near(b)});" for b in self._fetched(number)]
        lines += [f"{self._near(b)}.clear_frame();" for b in self._begun(number) if b.framed]
        for kept in self.kept.values():
            if kept.first == number:
                weights = self._array("weights", kept.array, kept.reader)
                lines.append(f"send<{kept.count}>({weights}, {self._near_rows(kept)}, {self._counter(kept)});")
        if self.rows.get(number + 1) == f"rows{number + 1}":
            lines.append(f"{self.steps[number + 1].ahead(self._at(number + 1))};")
        return lines if number < 0 else [*lines, f"{self.steps[number].text(self._at(number))};"]

    def _rows(self):
        """{step: what its weights are called}, where they, or all that are not kept, are in registers: on their way
        while the step before computes, or, where a block has them to itself, since an earlier step needed them."""
        rows, held = {}, 0
        for number, call in enumerate(self.calls):
            step, place = self.steps[number], address(call.named.get("weights"))
            if step.ahead is None or place in self.buffers:
                continue
            size = step.in_registers(self.kept[place].rows if place in self.kept else 0)
            earlier = [n for n in rows if address(self.calls[n].named["weights"]) == place]
            if size and not earlier:
                rows[number] = f"rows{number}"
            elif size and held + size <= HELD and self.samples <= ALONE:
                rows[number], held = rows[earlier[0]], held + size
        return rows

    def _fetched(self, number):
        return [b for b in self._begun(number) if not b.made_here and not b.early]

    def _early(self):
        """Small parameters and tables: all loads begin before the first is waited for."""
        early = [b for b in self.buffers.values() if b.early]
        arrays = [(self._array(b.name, b.array, b.step), b.array.size, f"{self._near(b)}.data") for b in early]
        if len(self.table):
            tables = self._parameter("const int*", "tables", "", self.table)
            arrays.append((tables, self.table.size, self._near_tables()))
        first = self.steps[0]
        return [*(f"auto {name}_ = fetch<{size}>({name});" for name, size, _ in arrays),
                *([f"{first.early(self._at(0))};"] if first.early else []),
                *(f"{name}_.keep({room});" for name, _, room in arrays)]  # fmt: skip

    def _near_tables(self):
        return self._variable(f"(int*)(room + {self.scratch['tables'].offset})", "near_tables")

    def _begun(self, number):
        return [buffer for buffer in self.buffers.values() if buffer.first == number]

    def _leaving(self, number):
        """What step ``number`` has made for others, too."""
        return [f"copy({self._near(b)}, {self._stored(b)});" for b in self._begun(number) if b.left]

    def _at(self, number):
        """Of step ``number``: the C++ expression of every argument, and of what else its call may name."""
        call, expressions = self.calls[number], {}
        for name, a in call.named.items():
            if not _is_array(a):
                expressions[name] = "nullptr"
            elif name in call.samples and name != "labels":
                near = self.buffers.get(address(a))
                expressions[name] = self._far(name, a, number) if near is None else self._near(near)
            elif name not in NOT_IN_A_KERNEL:  # a parameter
                near = self.buffers.get(address(a))
                expressions[name] = self._array(name, a, number) if near is None else f"{self._near(near)}.data"
        step, scratch = self.steps[number], self.scratch.get(number)
        kept = self.kept.get(address(call.named.get("weights")))
        before = sum(len(a) for s in self.steps[:number] for a in s.tables)
        starts = itertools.accumulate((len(a) for a in step.tables), initial=before)
        return SimpleNamespace(
            **expressions, rows=self.rows.get(number),
            near_rows=kept.rows if kept else 0, near=self._near_rows(kept) if kept else "nullptr",
            tables=", ".join(f"{self._near_tables()} + {s}" for s, _ in zip(starts, step.tables)),
            real=lambda name, value: self._parameter("real", name, number, float(value)),
            blocks=lambda: self._parameter("double*", "blocks", number, "blocks"),
            scratch="room" if scratch is None else f"room + {scratch.offset}",
            sums=step.sums and self._sums(number),
        )  # fmt: skip

    def _sums(self, number):
        """Where this block leaves the sums of step ``number``."""
        if number not in self.sums:
            self.sums[number] = self._parameter("real*", "sums", number, ("sums", number))
        return f"{self.sums[number]} + (offset)n * {self.steps[number].sums}"

    def _near(self, buffer):
        return self._variable(f"{buffer.type}{{room + {buffer.offset}}}", f"near_{buffer.name}{buffer.step}")

    def _near_rows(self, kept):
        return self._variable(f"room + {kept.offset}", f"near_weights{kept.reader}")

    def _counter(self, kept):
        name = f"counter{kept.reader}"
        return self._variable(f"(Counter*)(room + {self.scratch[name].offset})", name)

    def _stored(self, buffer):
        """Where an array that also lies in shared memory lies in global memory."""
        return self._far(buffer.name, buffer.array, buffer.step, buffer.is_batch)

    def _far(self, name, a, number, is_batch=True):
        """This block's sample of a batch's array in global memory, or all of a parameter's."""
        array, place = self._array(name, a, number), address(a)
        shape = ", ".join(map(str, shape_of(a) if is_batch else (a.size, 1, 1)))
        if not is_batch:
            text = f"sample<{shape}>({array}, 0)"
        elif place in self.shared_with or place not in self.read_anywhere:
            text = f"column<{shape}>({array}, n, gridDim.x)"
        else:
            text = f"sample<{shape}>({array}, n)"
        return self._variable(text, f"far_{array}")

    def _array(self, name, a, number):
        place = address(a)
        if place not in self.names:
            kind = TYPES[a.dtype.str]
            written = any(place in call.written() for call in self.calls)
            self.names[place] = self._parameter(f"{kind}*" if written else f"const {kind}*", name, number, a)
        return self.names[place]

    def _parameter(self, kind, name, number, argument):
        """A parameter of the kernel, called after the first step that names it: x0 is step 0's x. No array is named
        twice, so no two of them overlap."""
        restrict = "__restrict__ " if kind.endswith("*") else ""
        self.parameters.append(f"{kind} {restrict}{name}{number}")
        self.arguments.append(argument)
        return f"{name}{number}"

    def _variable(self, value, name):
        while value not in self.variables and name in self.variables.values():
            name += "_"  # the same array in another shape
        return self.variables.setdefault(value, name)


def source(texts):
    """Kernels as one file of CUDA C++."""
    headers = (f'#include "{header}.cuh"' for header in HEADERS)
    return "\n".join((f"const int THREADS = {THREADS};", *headers, "", *texts))


def _is_array(a):
    return hasattr(a, "dtype") and hasattr(a, "shape")
