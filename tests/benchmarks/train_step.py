"""Images a second of LeNet-5 on this machine's cores: minicnn beside PyTorch and JAX, in turn, and their ratios.

Every candidate lives in a process of its own and works when it is its turn: a round each, several rounds, medians.
Before that the losses of the first step are compared, so that all really are the same network. Also measures the
machine's own matrix products, to say which share of that speed a training step reaches, and the memory that a run
on 60,000 digits takes. Needs PyTorch; JAX and torch.compile are left out, with a word, where they do not work.

    python tests/benchmarks/train_step.py --output tests/benchmarks/results/train_step.json
"""

import argparse
import json
import multiprocessing
import platform
import statistics
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path

import numpy as np

from minicnn.backend.cores import available_cores
from minicnn.files import atomic_write

sys.path.insert(0, str(Path(__file__).parent))
import candidates

REFERENCE = "PyTorch eager"
FLOPS_AN_IMAGE = 2.27e6
"""Multiplications and additions of the layers' products, forwards and backwards (1.13 million of each)."""

TASKS = {  # name: (task, batch size, images a round, others beside minicnn and PyTorch eager)
    "LeNet-5 step, batch 64": ("lenet5", 64, 12_800, ("torch.compile", "JAX jit")),
    "LeNet-5 step, batch 256": ("lenet5", 256, 12_800, ()),
    "LeNet-5 step, batch 1": ("lenet5", 1, 1_000, ()),
    "modern variant step, batch 64": ("modern", 64, 12_800, ()),
    "prediction of 10,000 digits": ("predict", candidates.TEST_DIGITS, 3 * candidates.TEST_DIGITS, ()),
}


def serve(connection, name, task, batch_size):
    """A candidate's process: makes it, then runs batches when told to and answers (last loss, seconds)."""
    try:
        candidate = candidates.make(name, task, batch_size)
        connection.send("ready")
        while (batches := connection.recv()) is not None:
            start = time.perf_counter()
            result = candidate.run(batches)
            connection.send((result, time.perf_counter() - start))
        candidate.close()
    except Exception:
        connection.send(traceback.format_exc())


class Candidate:
    def __init__(self, name, task, batch_size):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, task, batch_size))
        self.process.start()
        self.answer()

    def run(self, batches):
        self.connection.send(batches)
        return self.answer()

    def answer(self):
        answer = self.connection.recv()
        if isinstance(answer, str) and answer != "ready":
            raise RuntimeError(answer)
        return answer

    def close(self):
        if self.process.is_alive():
            self.connection.send(None)
            self.process.join(10)
        self.process.terminate()


def measure(title, rounds):
    """{candidate: median images a second} of one task."""
    task, batch_size, images, others = TASKS[title]
    workers = [1] if batch_size == 1 or task == "predict" or available_cores() == 1 else [1, 2]
    names = [REFERENCE, *(f"minicnn, {n} worker{'s'[: n > 1]}" for n in workers), *others]
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 4_000, min(batch_size, 4_000)) for _ in range(max(3, images // batch_size))]
    running, first, speeds = {}, {}, {}
    try:
        for name in names:
            try:
                running[name] = Candidate(name, task, batch_size)
                first[name] = running[name].run(batches[:1])[0]
            except RuntimeError as error:
                if name == REFERENCE or name.startswith("minicnn"):
                    raise
                running.pop(name, None)
                print(f"{name} left out: {str(error).strip().splitlines()[-1]}", flush=True)
        expected = first[REFERENCE]
        if not all(abs(value - expected) < 1e-3 * abs(expected) for value in first.values()):
            raise SystemExit(f"error: not the same network: first results {first}")
        for candidate in running.values():
            candidate.run(batches[: len(batches) // 3 + 1])  # warm-up
        for _ in range(rounds):
            for name, candidate in running.items():
                speeds.setdefault(name, []).append(len(batches) * batch_size / candidate.run(batches)[1])
    finally:
        for candidate in running.values():
            candidate.close()
    return {name: statistics.median(s) for name, s in speeds.items()}


def matrix_product_speed():
    """FLOP/s of float32 products of 1024 x 1024 matrices on all cores: the median of several."""
    a, b = (np.random.default_rng(i).standard_normal((1024, 1024)).astype("float32") for i in (0, 1))
    times = []
    for _ in range(15):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / statistics.median(times)


def peak_memory(connection, name):
    """Trains on 60,000 digits and answers the peak resident memory in MB, all its processes together.

    What two processes share, the data set, is counted once.
    """
    import resource

    import minicnn as mc

    train = mc.data.load_sample()[0]
    whole = mc.data.Dataset(np.tile(train.images, (15, 1, 1)), np.tile(train.labels, 15))
    mc.data.load_sample, batches = lambda: (whole, None), np.arange(60_000).reshape(-1, 50)[:, :50]
    candidate = candidates.make(name, "lenet5", 64)
    candidate.run(batches[:300])
    pool = getattr(candidate, "step", None)
    processes = getattr(pool, "processes", [])
    shared = len(processes) * pool.images.array.nbytes if processes else 0
    candidate.close()
    for process in processes:
        process.join()
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    connection.send((own + children * bool(processes)) / unit - shared / 2**20)


def memory(name):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=peak_memory, args=(theirs, name))
    process.start()
    try:
        return ours.recv()
    finally:
        process.join()


def about(rounds):
    versions = {}
    for package in ("numpy", "torch", "jax"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {"python": platform.python_version(), **versions, "processor": processor(), "cores": available_cores(),
            "rounds": rounds}  # fmt: skip


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK",
                        help=f"of {', '.join(TASKS)} (default: all)")  # fmt: skip
    parser.add_argument("--output", metavar="FILE", help="write the numbers there as JSON")
    args = parser.parse_args()
    results = {"about": about(args.rounds), "matrix_product_flops": matrix_product_speed(), "images_per_second": {}}
    peak = results["matrix_product_flops"]
    print(f"{available_cores()} cores, float32 matrix products at {peak / 1e9:.0f} GFLOP/s", flush=True)
    for title in args.tasks:
        speeds = results["images_per_second"][title] = measure(title, args.rounds)
        for name, speed in speeds.items():
            text = f"{title:30} {name:20} {speed:9,.0f} images/s  {speed / speeds[REFERENCE]:5.2f} x {REFERENCE}"
            if TASKS[title][0] == "lenet5":
                text += f"  {speed * FLOPS_AN_IMAGE / peak:6.1%} of the products' speed"
            print(text, flush=True)
    if sys.platform != "win32":
        names = REFERENCE, "minicnn, 1 worker", "minicnn, 2 workers"
        results["peak_memory_mb"] = {name: memory(name) for name in names}
        for name, megabytes in results["peak_memory_mb"].items():
            print(f"{'peak memory, 60,000 digits':30} {name:20} {megabytes:9,.0f} MB", flush=True)
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
