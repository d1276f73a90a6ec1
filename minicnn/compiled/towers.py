"""Towers: runs of primitives that one kernel computes, a block of threads for each sample (kernels/cuda/tower.cuh).

``plan`` finds them by a general rule. A primitive that needs nothing but its own sample, and parameters that every
block can read by itself, may stand in a tower; a run of two or more of them is one, and where what it keeps in shared
memory does not fit, its halves may be. Gradients of weights that stand between are put off to the end, for nobody waits
for them; in a tower, those of all convolutions are computed side by side. ``Tower`` lays out the shared memory;
tower_text.py writes the kernel.
"""

import inspect

import numpy as np

from minicnn.compiled import primitives
from minicnn.compiled.tower_memory import Buffer, Kept, Scratch, lay_out
from minicnn.compiled.tower_steps import (
    ALONE,
    HELD,
    NOT_IN_A_KERNEL,
    SMALL,
    WARPS,
    address,
    is_array,
    share_threads,
    step,
)
from minicnn.compiled.tower_text import TowerText

OF_A_SAMPLE = ("x", "d", "y", "z", "dx", "labels", "winner")
"""Arguments of primitives whose last axis is the batch."""

WRITTEN = {
    "gather": ("x", "labels"), "convolution": ("y",), "dense": ("y",), "subsampling": ("y",),
    "max_pool": ("y", "winner"), "avg_pool": ("y",), "dropout": ("y",), "activation": ("y",),
    "squared_distances": ("y",), "rbf_criterion": ("d",), "cross_entropy": ("d",),
}  # fmt: skip
"""Those of them that a primitive writes; any other writes dx, if anything."""

COUNTER = 2
"""Elements of shared memory, 8 bytes or more, where it is counted what has been sent there."""


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
    """A run of calls as one kernel, ``name``; ``bytes`` of shared memory, and its ``text()`` when the plan is made."""

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

    def in_registers(self):
        """{step: the first step of those that share its weights in registers}, where they, or all that are not kept, go
        there: on their way while the step before computes, and, where a block has the registers to itself, held."""
        found, held = {}, 0
        for number, call in enumerate(self.calls):
            place = address(call.named.get("weights"))
            if self.steps[number].ahead is None or place in self.buffers:
                continue
            size = self.steps[number].in_registers(self.kept[place].rows if place in self.kept else 0)
            first = next((n for n in found if address(self.calls[n].named["weights"]) == place), number)
            if size and first == number:
                found[number] = number
            elif size and held + size <= HELD and self.samples <= ALONE:
                found[number], held = first, held + size
        return found

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
                if not is_array(a) or a.dtype != real:
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
        while self.goes_on(number):
            number += 1
        return number

    def _end_of_rest(self, number):
        """The step beside whose end is the rest of step ``number``."""
        end = self._end(number)
        return end if self.steps[number].rest is None else self._end(min(end + 1, len(self.steps) - 1))

    def goes_on(self, number):
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

    def text(self):
        """(The kernel for ``tower_text.source``, its arguments): arrays, tables as NumPy arrays, floats, and for
        partial sums and the criterion's results ("sums", step) and "blocks", which whoever launches it has to make."""
        return TowerText(self).write()
