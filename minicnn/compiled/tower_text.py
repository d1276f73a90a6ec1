"""The text of a tower's kernel: a list of calls of the functions in kernels/cuda/tower_*.cuh."""

import itertools
from types import SimpleNamespace

from minicnn.compiled.tower_memory import shape_of
from minicnn.compiled.tower_steps import NOT_IN_A_KERNEL, THREADS, address, is_array

HEADERS = (
    "common", "squash", "activations", "largest", "criteria", "tower", "tower_maps", "tower_convolution", "tower_dense",
)  # fmt: skip

TYPES = {"|u1": "unsigned char", "<i4": "int", "<i8": "offset", "<f4": "real", "<f8": "real"}


def source(texts):
    """Kernels as one file of CUDA C++."""
    headers = (f'#include "{header}.cuh"' for header in HEADERS)
    return "\n".join((f"const int THREADS = {THREADS};", *headers, "", *texts))


class TowerText:
    """Writes the kernel of a Tower (towers.py): its parameters with their arguments, variables for what lies in shared
    and in global memory, and the calls with the barriers between them."""

    def __init__(self, tower):
        self.tower, self.calls, self.steps, self.rows = tower, tower.calls, tower.steps, tower.in_registers()
        self.buffers, self.kept, self.scratch = tower.buffers, tower.kept, tower.scratch
        self.parameters, self.arguments, self.arrays, self.variables, self.expressions = [], [], {}, {}, {}

    def write(self):
        """(The text, the kernel's arguments), see ``Tower.text``."""
        stages, rests, last = [], [], len(self.calls) - 1
        for number in range(-1, last + 1):
            arriving = [kept for kept in self.kept.values() if kept.reader == number + 1]
            stages += self._stage(number)
            stages += [f"arrived({self._counter(kept)});" for kept in arriving]
            if number >= 0 and self.steps[number].rest is not None:
                rests.append(f"{self.steps[number].rest(self._at(number))};")
            waits = arriving or self._fetched(number) or not self.tower.goes_on(number)
            if stages and waits and (rests or number < last):
                stages += ["__syncthreads();", *rests]
                rests = []
        variables = [f"auto {name} = {value};" for value, name in self.variables.items()]
        body = ["DYNAMIC_SHARED(real, room);", "int n = blockIdx.x;", *variables, *stages]
        lines = [
            f'extern "C" __global__ void __launch_bounds__({THREADS}, 1) {self.tower.name}(',
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
        if self.rows.get(number + 1) == number + 1:
            lines.append(f"{self.steps[number + 1].ahead(self._at(number + 1))};")
        return lines if number < 0 else [*lines, f"{self.steps[number].text(self._at(number))};"]

    def _fetched(self, number):
        return [b for b in self._begun(number) if not b.made_here and not b.early]

    def _early(self):
        """Small parameters and tables: all loads begin before the first is waited for."""
        early = [b for b in self.buffers.values() if b.early]
        arrays = [(self._array(b.name, b.array, b.step), b.array.size, f"{self._near(b)}.data") for b in early]
        if len(table := self.tower.table):
            tables = self._parameter("const int*", "tables", "", table)
            arrays.append((tables, table.size, self._near_tables()))
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
        if number not in self.expressions:
            self.expressions[number] = SimpleNamespace(**self._arguments_at(number), **self._memory_at(number))
        return self.expressions[number]

    def _arguments_at(self, number):
        call, expressions = self.calls[number], {}
        for name, a in call.named.items():
            if not is_array(a):
                expressions[name] = "nullptr"
            elif name in call.samples and name != "labels":
                near = self.buffers.get(address(a))
                expressions[name] = self._far(name, a, number) if near is None else self._near(near)
            elif name not in NOT_IN_A_KERNEL:  # a parameter
                near = self.buffers.get(address(a))
                expressions[name] = self._array(name, a, number) if near is None else f"{self._near(near)}.data"
        return expressions

    def _memory_at(self, number):
        step, scratch = self.steps[number], self.scratch.get(number)
        kept = self.kept.get(address(self.calls[number].named.get("weights")))
        before = sum(len(a) for s in self.steps[:number] for a in s.tables)
        starts = itertools.accumulate((len(a) for a in step.tables), initial=before)
        return {
            "rows": f"rows{self.rows[number]}" if number in self.rows else None,
            "near_rows": kept.rows if kept else 0, "near": self._near_rows(kept) if kept else "nullptr",
            "tables": ", ".join(f"{self._near_tables()} + {s}" for s, _ in zip(starts, step.tables)),
            "real": lambda name, value: self._parameter("real", name, number, float(value)),
            "blocks": lambda: self._parameter("double*", "blocks", number, "blocks"),
            "scratch": "room" if scratch is None else f"room + {scratch.offset}",
            "sums": step.sums and f"{self._sums(number)} + (offset)n * {step.sums}",
        }  # fmt: skip

    def _sums(self, number):
        return self._parameter("real*", "sums", number, ("sums", number))

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
        elif place in self.tower.shared_with or place not in self.tower.read_anywhere:
            text = f"column<{shape}>({array}, n, gridDim.x)"
        else:
            text = f"sample<{shape}>({array}, n)"
        return self._variable(text, f"far_{array}")

    def _array(self, name, a, number):
        place = address(a)
        if place not in self.arrays:
            kind = TYPES[a.dtype.str]
            written = any(place in call.written() for call in self.calls)
            self.arrays[place] = self._parameter(f"{kind}*" if written else f"const {kind}*", name, number, a)
        return self.arrays[place]

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
