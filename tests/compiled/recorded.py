"""What a step is made of on a GPU, without one: its primitives, the towers they become, and its launches."""

import sys
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))

import device_stand_in

import minicnn as mc
from minicnn.backend.cupy_backend import CupyBackend
from minicnn.compiled import cuda_towers, graph
from minicnn.compiled.plain import PlainForm
from minicnn.compiled.program import Program
from minicnn.compiled.towers import Call, plan

LENETS = {
    "lenet5": (mc.models.lenet5, mc.losses.MAPLoss),
    "lenet_modern": (mc.models.lenet_modern, mc.losses.CrossEntropyLoss),
}

HOPPER = 227 * 1024
"""Bytes of shared memory that a block may have on an H100."""


class Recorder(PlainForm):
    """Keeps the primitives instead of computing them."""

    def prepare(self, primitive, *arguments):
        return [Call(primitive, arguments)]

    def sequence(self, calls):
        return calls


def calls(net, loss=None, samples=64):
    """The primitives of a training step over arrays of NumPy, or of a prediction where there is no loss."""
    digits = mc.data.load_sample()[0]
    data = digits.images, digits.labels, np.arange(len(digits.labels)), np.array([0, samples])
    how = (loss, net.vector.grads, np.ones(1, net.dtype), np.zeros(2)) if loss is not None else ()
    return Program(net, Recorder(net.backend, net.dtype), samples, *data, *how).sections[0]


def lenet_units(name, dtype="float32", samples=64, memory=HOPPER):
    """A training step of one of the LeNets as towers and what is left of it."""
    make, loss = LENETS[name]
    return plan(calls(make(rng=0, dtype=dtype), loss(), samples), memory)[0]


class Module:
    """cupy.RawModule that keeps launches instead of running them."""

    def __init__(self, launches, code, options):
        self.launches, self.code, self.options = launches, code, options

    def compile(self):
        pass

    def get_function(self, name):
        def launch(grid, block, args, *, shared_mem=0):
            self.launches.append((self.code, self.options, name, grid, block, args, shared_mem))

        launch.shared_size_bytes = 0
        return launch


def launches(name, dtype="float32", samples=64, form=cuda_towers.TowerForm):
    """[(source, options, kernel, grid, block, arguments, bytes of shared memory)] of a step of one of the LeNets."""
    fake, found = device_stand_in.FakeCupy(), []
    fake.RawModule = lambda code, options: Module(found, code, options)
    backend = object.__new__(CupyBackend)  # on a device that is never tried
    super(CupyBackend, backend).__init__(fake)
    with mock.patch.dict(sys.modules, cupy=fake), mock.patch.object(graph, "TowerForm", form):
        make, loss = LENETS[name]
        net, digits = make(rng=0, dtype=dtype, backend=backend), mc.data.load_sample()[0]
        optimizer = mc.optim.SGD(net.parameters(), 0.005, momentum=0.9)
        with graph.GraphSteps(net, loss(), optimizer, digits, samples, capture=False):
            return [*found]
