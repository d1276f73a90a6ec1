"""The form for a GPU that fuses: what stands in a tower is one launch, everything else one for each primitive."""

import functools
import itertools
import logging

import numpy as np

from minicnn.backend import kernels
from minicnn.compiled.cuda import CudaForm, Launches, Left
from minicnn.compiled.tower_steps import THREADS
from minicnn.compiled.tower_text import source
from minicnn.compiled.towers import Call, Tower, plan

log = logging.getLogger("minicnn")

TYPES = {"labels": np.int32, "winner": np.int32, "images": np.uint8, "all_labels": np.uint8, "kept": np.uint8,
         "order": np.int64, "position": np.int64, "first": np.int64, "result": np.float64}  # fmt: skip
"""Of the arguments that do not have the network's own number type."""


class TowerForm(CudaForm):
    """As ``CudaForm``, for a program of one section: ``sequence`` is where all of it is planned, compiled and bound.

    Towers leave their partial sums where ``step_end`` finds them, so they are for a form with ``gradient``, or for
    a program without a loss.
    """

    def __init__(self, backend, dtype, gradient=None):
        super().__init__(backend, dtype, gradient)
        self.bound = []

    def prepare(self, primitive, *arguments):
        return [Call(primitive, arguments)]

    def sequence(self, calls):
        most = kernels.most_shared_memory(self.backend.xp)
        units, left_out = plan(calls, most)
        for tower in left_out:
            _tell_once(tower.name, tower.bytes, most)
        with self.backend.memory_errors():
            units = [self._checked(unit) if type(unit) is Tower else unit for unit in units]
            self.bound = [unit for unit in units if type(unit) is BoundTower]
            if self.gradient is None:
                self._bind_towers()
        made = ([u] if type(u) is BoundTower else self.launches(u.primitive, u.arguments) for u in units)
        launches = [*itertools.chain(*made)]
        self.late = [launch for launch in launches if type(launch) is Left and launch.tiles is not None]
        for left in self.late:  # nobody waits for them
            left.bind = None
        return Launches(launch for launch in launches if launch not in self.late)

    def _bind_sums(self, but=()):
        found = super()._bind_sums(but)
        self._bind_towers()
        return found

    def _bind_towers(self):
        text = kernels.Written(source([tower.text for tower in self.bound]))
        for tower in self.bound:
            tower.bind(text)

    def _checked(self, tower):
        for call in tower.calls:
            for name, a in call.named.items():
                if hasattr(a, "dtype"):
                    self._typed(TYPES.get(name, self.dtype), **{name: a})
        return BoundTower(self, tower)


class BoundTower:
    """A tower on the device: a function of no arguments, once the partial sums that it leaves have a place."""

    def __init__(self, form, tower):
        self.form, self.tower, self.launch, self.sums = form, tower, None, {}
        self.text, self.arguments = tower.text()
        for number, step in enumerate(tower.steps):
            if step.sums:
                targets = [(gradient, places) for gradient, places in step.targets if gradient is not None]
                place = functools.partial(self.sums.__setitem__, number)
                form.left.append(Left(tower.samples, step.sums, place, targets))

    def __call__(self):
        self.launch()

    def bind(self, text):
        """Compile ``text``, which has this tower among others, and bind this one's arguments."""
        form, tower = self.form, self.tower
        how = form.backend.xp, text, tower.name, form.dtype.name, (tower.samples,), (THREADS,)
        arguments = tuple(map(self._argument, self.arguments))
        self.launch = kernels.bind(*how, arguments, tower.bytes, kernels.most_shared_memory(form.backend.xp))

    def _argument(self, argument):
        if isinstance(argument, np.ndarray):  # a table
            return self.form.asarray(argument)
        if isinstance(argument, tuple):
            return self.sums[argument[1]]
        if isinstance(argument, str):
            self.form.blocks = self.form.array((self.tower.samples, 2), np.float64)
            return self.form.blocks
        return argument


@functools.cache
def _tell_once(name, needed, given):
    log.warning(
        "minicnn computes %s kernel by kernel: together they need %s bytes of shared memory a block, this GPU has %s",
        name.replace("_", " "), f"{needed:,}", f"{given:,}",
    )  # fmt: skip
