"""Kernels of the CPU are told that no two of their arrays overlap (``full_speed``): so it must be."""

import itertools

import numpy as np
import pytest
from step_networks import NETWORKS
from trainings import digits

import minicnn as mc
from minicnn.compiled import loops
from minicnn.compiled.steps import Steps

OURS = {
    "lenet5": lambda: mc.models.lenet5(rng=0),
    "lenet5 with dropout": lambda: mc.models.lenet5(rng=0, dropout=0.1),
    "lenet_modern": lambda: mc.models.lenet_modern(rng=0),
}


@pytest.mark.parametrize("make", [*OURS.values(), *NETWORKS.values()], ids=[*OURS, *NETWORKS])
def test_no_two_arrays_of_a_kernel_overlap(monkeypatch, make):
    pytest.importorskip("numba")
    calls, start = [], loops.Call.__init__

    def noted(self, *arguments):
        start(self, *arguments)
        calls.append(self)

    monkeypatch.setattr(loops.Call, "__init__", noted)
    monkeypatch.setattr(loops, "compiled", lambda function, arguments: function)  # nothing is run
    net = make()
    loss = mc.losses.MAPLoss() if isinstance(net[-1], mc.RBF) else mc.losses.CrossEntropyLoss()
    with Steps(net, loss, mc.optim.SGD(net.parameters(), 0.1, momentum=0.9), digits(), 32, threads=2):
        assert calls
    for call in calls:
        for a, b in itertools.combinations([a for a in call.arrays if isinstance(a, np.ndarray)], 2):
            assert not np.shares_memory(a, b), call.maker
