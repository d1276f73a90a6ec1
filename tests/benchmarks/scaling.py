"""Past one machine: how fast two ranks are, what the sum costs, and what a model makes of it for many more.

Ranks, threads and one rank alone take turns, several rounds; who has no turn sleeps. Each rank has a core of its own,
the threads of one rank have all of them. Then the sum over the ranks is timed for vectors of several sizes. With
--batches the main recipe is trained at growing batch sizes instead, on all ranks together.

    mpiexec -n 2 python tests/benchmarks/scaling.py --output tests/benchmarks/results/scaling.json
    mpiexec -n 2 python tests/benchmarks/scaling.py --batches --data DIR --output tests/benchmarks/results/batches.json
    python tests/benchmarks/scaling.py --print

As root, Open MPI wants OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.backend import cores
from minicnn.compiled.forms import PART
from minicnn.compiled.steps import Steps
from minicnn.files import atomic_write
from minicnn.ranks import Communicator
from minicnn.training import RECIPES

sys.path.insert(0, str(Path(__file__).parent))
from train_step import drawn

RESULTS = Path(__file__).parent / "results"
BATCH_SIZES = (64, 128, 256, 1024)
ROUND = 0.5
"""Seconds that a turn takes, more or less."""
SUMS = (2, 1_000, 10_000, 60_000, 240_000)
"""Elements of the vectors whose sum is timed; LeNet-5's gradient has 60,000."""
PARAMETERS, BYTES = 60_000, 240_000
TRAINED = {"batch sizes": (64, 256, 1024), "powers": (0, 0.5), "passes": 10}
"""Of the main recipe, its learning rate times (batch size / 64)^power."""


# ------------------------------------------------------------------------------------------------ measuring


def measure(ranks, rounds):
    """All that is measured here -> a mapping, the same on every rank."""
    every = sorted(set().union(*ranks.comm.allgather(sorted(cores.own_cores()))))
    if hasattr(os, "sched_setaffinity") and len(every) < ranks.size:
        raise SystemExit(f"error: {ranks.size} ranks need a core each, there are {len(every)}")
    own = {every[ranks.rank]}
    step, seconds = f"{ranks.size} ranks", {}
    for batch_size in BATCH_SIZES:
        alone, threads = Communicator(), f"1 rank, {ranks.size} threads"
        ways = {"1 rank": (alone, own, 1), threads: (alone, set(every), ranks.size), step: (ranks, own, 1)}
        with contextlib.ExitStack() as stack:
            runs = {}
            for name, (communicator, on, count) in ways.items():
                if communicator is ranks or ranks.rank == 0:
                    runs[name] = stack.enter_context(turns_of(communicator, on, count, batch_size))
            runs = {name: agreed(ranks, runs.get(name), way[0] is ranks) for name, way in ways.items()}
            of_this = {name: [] for name in ways}
            for _ in range(rounds):
                for name, run in runs.items():
                    of_this[name].append(run())
        medians = {name: batch_size / statistics.median(times) for name, times in of_this.items()}
        seconds[batch_size] = {name: ranks.every(speed)[0] for name, speed in medians.items()}
        told = ", ".join(f"{name} {speed:,.0f}" for name, speed in seconds[batch_size].items())
        tell(ranks, f"batch {batch_size:5}: {told} images a second")
    set_cores(own)
    sums = {size: time_of_sum(ranks, size) for size in SUMS}
    tell(ranks, "sum: " + ", ".join(f"{size:,} {1e6 * took:.1f} us" for size, took in sums.items()))
    return {"about": about(ranks, rounds), "images_per_second": seconds, "seconds_of_sum": sums}


def about(ranks, rounds):
    load = os.getloadavg() if hasattr(os, "getloadavg") else (math.nan,)
    return {
        "ranks": ranks.size, "mpi": ranks.words, "rounds": rounds, "processor": processor(), "load_average": load[0],
        "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__,
    }  # fmt: skip


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def set_cores(numbers):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, numbers)


@contextlib.contextmanager
def turns_of(communicator, on, threads, batch_size):
    """A function that trains on so many batches -> seconds a batch."""
    set_cores(on)  # which threads inherit
    train = mc.data.load_sample()[0]
    net = mc.models.lenet5(rng=0)
    optimizer = mc.optim.SGD(net.parameters(), 1e-4, momentum=0.9)
    with Steps(net, mc.losses.MAPLoss(10), optimizer, train, batch_size, threads, communicator) as steps:

        def run(count):
            set_cores(on)
            batches = drawn(batch_size, count)
            started = time.perf_counter()
            for _ in steps.epoch(batches, [1e-4] * count):
                pass
            return (time.perf_counter() - started) / count

        run(3)
        yield run


def agreed(ranks, run, all_together):
    """A turn of about ROUND seconds; who has no part in it sleeps, for a rank that waits in MPI takes a core."""
    first = run(20) if run else 0
    count = max(1, int(ranks.every(ROUND / first if first else 0)[0]))

    def turn():
        took = run(count) if run else 0
        if not all_together:
            done = ranks.comm.Ibarrier()
            while not done.Test():
                time.sleep(0.002)
        return took or 1.0

    return turn


def time_of_sum(ranks, size, count=300):
    """Seconds, the median over some rounds of ``count`` sums one after the other."""
    vector, took = np.zeros(size, np.float32), []
    for _ in range(9):
        ranks.every(0)
        started = time.perf_counter()
        for _ in range(count):
            ranks.sum(vector)
        took.append((time.perf_counter() - started) / count)
    return statistics.median(took)


def tell(ranks, text):
    if ranks.rank == 0:
        print(text, flush=True)


# ------------------------------------------------------------------------------------------- batch sizes


def trained(ranks, data):
    """What the main recipe comes to at growing batch sizes, its learning rate as it is or grown along."""
    train, test = mc.data.load_mnist(data, progress=False)
    lines, passes = [], TRAINED["passes"]
    for batch_size in TRAINED["batch sizes"]:
        for power in TRAINED["powers"] if batch_size > 64 else (0,):
            recipe = RECIPES["default"]
            recipe = replace(recipe, batch_size=batch_size, lr=recipe.lr * (batch_size / 64) ** power, epochs=passes)
            net = mc.models.lenet5(rng=0, **recipe.network())
            line = {"batch_size": batch_size, "power": power, "passes": passes}
            try:
                history = mc.training.fit(
                    net, recipe.make_loss(), recipe.make_optimizer(net.parameters()), train, test, epochs=passes,
                    batch_size=batch_size, schedule=recipe.make_schedule(), progress=False, communicator=ranks,
                )  # fmt: skip
                if history.interrupted:
                    raise SystemExit(128 + history.signal)
                line |= {"test_error": history[-1]["test_error"], "train_error": history[-1]["train_error"]}
            except mc.errors.DivergedError:
                line |= {"test_error": None, "train_error": None}
            lines.append(line)
            tell(ranks, json.dumps(line))
    return {"about": about(ranks, 1), "runs": lines}


# ------------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True)
class Network:
    """What a message costs: latency in seconds, and seconds a byte."""

    words: str
    latency: float
    byte: float

    def sum(self, ranks, size=BYTES):
        """Seconds of a sum: halves are exchanged and added, then gathered (Rabenseifner 2004), 2 log2 R messages."""
        if ranks == 1:
            return 0.0
        return 2 * math.ceil(math.log2(ranks)) * self.latency + 2 * (ranks - 1) / ranks * size * self.byte


OTHERS = (
    Network("100 Gb/s InfiniBand", 2e-6, 1 / 11e9),
    Network("10 Gb/s Ethernet", 25e-6, 1 / 1.1e9),
)
"""Not measured here: what such networks are commonly measured to have."""

NVLINK = Network("NVLink", 5e-6, 1 / 150e9)
GPU_STEP, GPU_SAMPLE = 60e-6, 0.35e-6
"""Not measured: a captured step of some twenty small kernels, and a sample's share beyond it."""


def fitted(results):
    """(seconds a sample, seconds a step beside them, the machine's own memory as a Network) from what was measured.

    Least squares: of the single rank's seconds a batch over its size, and of the sum's over bytes, each weighted by
    what was measured, since small ones count as much as large ones.
    """
    speeds = {int(size): of["1 rank"] for size, of in results["images_per_second"].items()}
    sample, step = line([(size, size / speed) for size, speed in speeds.items()])
    sums = [(4 * int(size), took) for size, took in results["seconds_of_sum"].items()]
    byte, twice = line(sums)
    ranks = results["about"]["ranks"]
    rounds = 2 * math.ceil(math.log2(ranks))
    return sample, step, Network("this machine's memory", twice / rounds, byte / (2 * (ranks - 1) / ranks))


def line(points):
    """(slope, intercept of at least 0) nearest to the points, relative to their height."""
    x, y = np.array(points).T
    (slope, intercept), *_ = np.linalg.lstsq(np.stack([x / y, 1 / y], axis=1), np.ones(len(x)), rcond=None)
    return (slope, intercept) if intercept >= 0 else (float((x / y).sum() / ((x / y) ** 2).sum()), 0.0)


def step_seconds(ranks, batch_size, sample, step, network):
    """A step: the rank with most parts computes them; then the sum."""
    parts = math.ceil(math.ceil(batch_size / PART) / ranks)
    share = parts * PART if batch_size >= PART * ranks else math.ceil(batch_size / ranks)
    return step + share * sample + network.sum(ranks)


def least_batch(ranks, sample, step, network, efficiency=0.9):
    """Samples a rank of the smallest batch, of whole parts, at which R ranks are ``efficiency`` R times one."""
    share = PART
    while True:
        one = (step + share * sample) / share
        if one / (step_seconds(ranks, share * ranks, sample, step, network) / share) >= efficiency:
            return share
        share += PART


def measured_table():
    results = load("scaling.json")
    ranks, info = results["about"]["ranks"], results["about"]
    names = list(next(iter(results["images_per_second"].values())))
    one, threads, several = names
    rows = [f"| images a second | {' | '.join(names)} | of {ranks} times one | of the threads |", "|---" * 6 + "|"]
    for size, of in results["images_per_second"].items():
        cells = [f"{of[name]:,.0f}" for name in names]
        rows.append(f"| batch {int(size):,} | {' | '.join(cells)} | {of[several] / (ranks * of[one]):.2f} "
                    f"| {of[several] / of[threads]:.2f} |")  # fmt: skip
    sums = ", ".join(f"{1e6 * took:.0f} µs for {4 * int(n):,} bytes" for n, took in results["seconds_of_sum"].items())
    where = f"{info['mpi']} on {info['cores']} cores of an {info['processor']}"
    rows += ["", f"Medians of {info['rounds']} rounds, in turn, with {where}, load average {info['load_average']:.1f}. "
             f"A sum over {ranks} ranks takes {sums}."]  # fmt: skip
    return "\n".join(rows)


def model_table():
    sample, step, memory = fitted(load("scaling.json"))
    rows = [f"Fitted: {1e6 * sample:.1f} µs a sample, {1e6 * step:.0f} µs a step beside them; in this machine's memory "
            f"{1e6 * memory.latency:.1f} µs a message and {1e-9 / memory.byte:.1f} GB/s.", "",
            "| ranks | network | a sum | images a second, batch 64 | batch 1,024 | batch 16 a rank | batch 64 a rank "
            "| samples a rank for 90 % |", "|---" * 8 + "|"]  # fmt: skip
    for ranks in (1, 2, 8, 64, 512):
        for network in (memory,) if ranks <= 2 else OTHERS:
            how = sample, step, network
            sizes = (64, 1024, 16 * ranks, 64 * ranks)
            speeds = ["–" if size < ranks else f"{size / step_seconds(ranks, size, *how):,.0f}" for size in sizes]
            rows.append(f"| {ranks} | {network.words if ranks > 1 else '–'} | {1e6 * network.sum(ranks):,.0f} µs | "
                        f"{' | '.join(speeds)} | {least_batch(ranks, *how) if ranks > 1 else '–'} |")  # fmt: skip
    return "\n".join(rows)


def gpu_table():
    rows = ["| GPUs | a sum | images a second, batch 64 | batch 1,024 | batch 1,024 a GPU | batch 8,192 a GPU |",
            "|---" * 6 + "|"]  # fmt: skip
    for gpus in (1, 2, 4, 8):
        speeds = [
            f"{size / (GPU_STEP + size / gpus * GPU_SAMPLE + NVLINK.sum(gpus)):,.0f}"
            for size in (64, 1024, 1024 * gpus, 8192 * gpus)
        ]
        rows.append(f"| {gpus} | {1e6 * NVLINK.sum(gpus):.0f} µs | {' | '.join(speeds)} |")
    return "\n".join(rows)


def batches_table():
    results = load("batches.json")
    rows = ["| batch | learning rate times | test error | training error, running |", "|---" * 4 + "|"]
    for run in results["runs"]:
        times = (run["batch_size"] / 64) ** run["power"]
        cells = ["diverged" if run[key] is None else f"{run[key]:.2%}" for key in ("test_error", "train_error")]
        rows.append(f"| {run['batch_size']:,} | {times:g} | {' | '.join(cells)} |")
    passes = results["runs"][0]["passes"]
    return "\n".join([*rows, "", f"The default recipe on all of MNIST, {passes} passes, seed 0, one run each."])


def load(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--output", type=Path, metavar="FILE", help="keep the results there (JSON)")
    add("--rounds", type=int, default=9, metavar="N", help="turns of each (default: %(default)s)")
    add("--batches", action="store_true", help="train at growing batch sizes instead")
    add("--data", metavar="DIR", help="for --batches, the MNIST files")
    add("--print", action="store_true", help="print the tables of what is there already")
    args = parser.parse_args()
    if args.print:
        print("\n\n".join(table() for table in (measured_table, model_table, gpu_table, batches_table)))
        return
    ranks = mc.ranks.world()
    if ranks.size < 2:
        parser.error("start it with mpiexec -n 2")
    results = trained(ranks, args.data) if args.batches else measure(ranks, args.rounds)
    if args.output and ranks.rank == 0:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
