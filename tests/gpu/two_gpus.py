"""For a machine with two GPUs, which none of ours has: whether two ranks train as one does, and how fast.

    mpiexec -n 2 python tests/gpu/two_gpus.py

Each rank takes a GPU; the gradients are added by NCCL. Prints one JSON object; status 1 where the weights differ by
more than float rounding.
"""

import json
import sys
import time

import numpy as np

import minicnn as mc
from minicnn.compiled.graph import GraphSteps
from minicnn.compiled.graph_ranks import RankSteps

BATCH_SIZES = (64, 1024, 8192)
TOLERANCE = 1e-3
"""Of weights after an epoch of the bundled sample in batches of 64, whose largest are about 1."""


def trained(steps_of, backend, batch_size):
    """(weights after an epoch, images a second over some more)"""
    train = mc.data.load_sample()[0]
    net = mc.models.lenet5(rng=0, backend=backend)
    optimizer = mc.optim.SGD(net.parameters(), 1e-4, momentum=0.9)
    batches = list(mc.data.batch_indices(len(train), batch_size, 0))
    with steps_of(net, mc.losses.MAPLoss(10), optimizer, train, batch_size) as steps:
        list(steps.epoch(batches, [1e-4] * len(batches)))
        weights = backend.to_numpy(net.vector.values).copy()
        started = time.perf_counter()
        for _ in range(10):
            list(steps.epoch(batches, [1e-4] * len(batches)))
        return weights, 10 * len(train) / (time.perf_counter() - started)


def main():
    world = mc.ranks.world()
    backend = mc.backend.get("cupy")
    ranks, results = world.on(backend), {}
    for batch_size in BATCH_SIZES:
        alone, one = trained(GraphSteps, backend, batch_size)
        together, both = trained(lambda *how: RankSteps(*how, ranks), backend, batch_size)
        results[batch_size] = {
            "largest difference": float(np.abs(together - alone).max()), "images a second on one": one,
            f"on {ranks.size}": both,
        }  # fmt: skip
    if ranks.rank == 0:
        print(json.dumps({"by": ranks.words, "batch sizes": results}, indent=1))
    return int(results[BATCH_SIZES[0]]["largest difference"] > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
