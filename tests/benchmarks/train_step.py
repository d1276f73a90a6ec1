"""Images a second of LeNet-5 on this machine's cores: minicnn beside PyTorch and JAX, in turn, and their ratios.

Every candidate lives in a process of its own and works when it is its turn: a round each, several rounds, medians.
Before that the losses of the first step are compared, so that all really are the same network. Also measures the
machine's own matrix products, to say which share of that speed a training step reaches, the memory that a run on
60,000 digits takes, and how long loops are compiled the first time. Needs PyTorch; JAX and torch.compile are left out,
with a word, where they do not work.

    python tests/benchmarks/train_step.py --output tests/benchmarks/results/train_step.json
    python tests/benchmarks/train_step.py --vectors avx2 --output tests/benchmarks/results/train_step_avx2.json
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
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
ONE_THREAD = f"{REFERENCE}, 1 thread"
FLOPS_AN_IMAGE = 1.72e6
"""Multiplications and additions of the layers' products, forwards and backwards (0.86 million of each); C3's are those
of its 60 connected pairs."""
ROUND = 0.6
"""Seconds that a round takes, more or less."""

TASKS = {  # name: (task, batch size, others beside minicnn in threads and PyTorch eager)
    "LeNet-5 step, batch 64": ("lenet5", 64, (candidates.PLAIN, ONE_THREAD, "torch.compile", "JAX jit")),
    "LeNet-5 step, batch 256": ("lenet5", 256, (ONE_THREAD,)),
    "LeNet-5 step, batch 1": ("lenet5", 1, (ONE_THREAD,)),
    "modern variant step, batch 64": ("modern", 64, (ONE_THREAD,)),
    "prediction of 10,000 digits": ("predict", candidates.TEST_DIGITS, (ONE_THREAD,)),
}

WITH_AVX2_ONLY = {
    "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma", "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}  # fmt: skip
"""Variables with which Numba, OpenBLAS, PyTorch and JAX compute as on a machine without AVX-512."""


def in_threads(task=None, batch_size=None):
    """The candidates "minicnn, N threads": one, and as many as there are cores where they have something to share."""
    every = available_cores()
    one_only = batch_size == 1 or every == 1 or (task == "predict" and not hasattr(os, "sched_setaffinity"))
    numbers = [every if task == "predict" else 1] if one_only else [1, every]
    return [f"minicnn, {n} thread{'s'[: n > 1]}" for n in numbers]


def drawn(batch_size, count):
    """So many batches of indices, the same for everyone."""
    return list(np.random.default_rng(0).integers(0, 4_000, (count, min(batch_size, 4_000))))


def serve(connection, name, task, batch_size):
    """A candidate's process: makes it, then runs so many batches when told to and answers (last loss, seconds)."""
    try:
        candidate = candidates.make(name, task, batch_size)
        connection.send("ready")
        while (count := connection.recv()) is not None:
            batches = drawn(batch_size, count)
            start = time.perf_counter()
            result = candidate.run(batches)
            connection.send((result, time.perf_counter() - start))
        candidate.close()
    except Exception:
        connection.send(traceback.format_exc())


@contextlib.contextmanager
def confined(cores):
    """Processes that are started within the block may use so many cores, from their first import on; None: all."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


class Candidate:
    def __init__(self, name, task, batch_size):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, task, batch_size))
        with confined(candidates.cores_of(name, task)):
            self.process.start()
        self.answer()

    def run(self, count):
        """-> (last loss, seconds) of so many batches."""
        self.connection.send(count)
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
    task, batch_size, others = TASKS[title]
    running, first, counts, speeds = {}, {}, {}, {}
    try:
        for name in (REFERENCE, *in_threads(task, batch_size), *others):
            try:
                running[name] = Candidate(name, task, batch_size)
                first[name] = running[name].run(1)[0]
                if not math.isfinite(first[name]):
                    raise RuntimeError(f"its first loss is {first[name]}")
            except RuntimeError as error:
                if name == REFERENCE or name.startswith("minicnn"):
                    raise
                first.pop(name, None)
                if name in running:
                    running.pop(name).close()
                print(f"{name} left out: {str(error).strip().splitlines()[-1]}", flush=True)
        expected = first[REFERENCE]
        if not all(abs(value - expected) < 1e-3 * abs(expected) for value in first.values()):
            raise SystemExit(f"error: not the same network: first results {first}")
        for name, candidate in running.items():
            counts[name] = count = 1
            while (seconds := candidate.run(count)[1]) < ROUND / 2:  # which also warms up
                counts[name] = count = int(count * min(10, max(1.5, ROUND / seconds))) + 1
        for _ in range(rounds):
            for name, candidate in running.items():
                count = counts[name]
                speeds.setdefault(name, []).append(count * batch_size / candidate.run(count)[1])
    finally:
        for candidate in running.values():
            candidate.close()
    return {name: statistics.median(s) for name, s in speeds.items()}


def matrix_product_speed(connection):
    """Answers FLOP/s of float32 products of 1024 x 1024 matrices on all cores of its process: the median of several."""
    a, b = (np.random.default_rng(i).standard_normal((1024, 1024)).astype("float32") for i in (0, 1))
    times = []
    for _ in range(25):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    connection.send(2 * 1024**3 / statistics.median(times))


def peak_memory(connection, name):
    """Trains on 60,000 digits and answers the peak resident memory in MB."""
    import minicnn as mc

    train = mc.data.load_sample()[0]
    whole = mc.data.Dataset(np.tile(train.images, (15, 1, 1)), np.tile(train.labels, 15))
    mc.data.load_sample = lambda: (whole, None)
    candidate = candidates.make(name, "lenet5", 64)
    candidate.run(list(np.arange(60_000).reshape(-1, 60))[:300])
    candidate.close()
    connection.send(peak_of_this_process())


def peak_of_this_process():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def asked(function, *arguments, cores=None):
    """What ``function(connection, *arguments)`` answers in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(theirs, *arguments))
    with confined(cores):
        process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


FIRST_STEP = f"""if True:
    import sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import candidates, train_step
    candidates.make("minicnn, all cores", "lenet5", 64).run(train_step.drawn(64, 1))
    print("there", train_step.peak_of_this_process(), flush=True)
"""


def starting():
    """Seconds from the start of a process to its first step at batch 64, and its memory until then.

    "compiling" with nothing kept on disk, "loading" the next time.
    """
    seconds, megabytes = {}, {}
    with tempfile.TemporaryDirectory() as empty:
        for what in ("compiling", "loading"):
            start = time.perf_counter()
            environment = {**os.environ, "NUMBA_CACHE_DIR": empty}
            command = [sys.executable, "-c", FIRST_STEP]
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
                there, peak = process.stdout.readline().split()
                seconds[what] = time.perf_counter() - start
            assert there == "there"
            megabytes[what] = float(peak)
    return seconds, megabytes


def about(rounds, vectors):
    versions = {}
    for package in ("numpy", "numba", "torch", "jax"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(), **versions, "processor": processor(), "widest_vectors": widest_vectors(),
        "vectors": vectors or widest_vectors(), "cores": available_cores(), "rounds": rounds,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }  # fmt: skip


def processor():
    return from_cpuinfo("model name") or platform.processor() or platform.machine()


def widest_vectors():
    """The widest vector instructions of this processor, by name, or else the name of its family."""
    flags = (from_cpuinfo("flags") or from_cpuinfo("Features") or "").split()
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse4_2": "SSE4.2", "sve": "SVE", "asimd": "NEON"}
    return next((name for flag, name in known.items() if flag in flags), platform.machine())


def from_cpuinfo(key):
    """What Linux says of the first core; None elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key)
    except (OSError, StopIteration):
        return None


def as_with_avx2_only():
    """Set the environment of all processes to come."""
    os.environ.update(WITH_AVX2_ONLY)
    with contextlib.suppress(ImportError):  # NumPy's own loops: what it has compiled for wider vectors stays unused
        from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

        wide = [name for name in __cpu_dispatch__ if name.startswith(("AVX512", "X86_V4")) and __cpu_features__[name]]
        os.environ["NPY_DISABLE_CPU_FEATURES"] = " ".join(wide)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK",
                        help=f"of {', '.join(TASKS)} (default: all)")  # fmt: skip
    parser.add_argument("--vectors", choices=("avx2",), help="compute as on a machine with AVX2 and nothing wider "
                        "(default: all that this machine has)")  # fmt: skip
    parser.add_argument("--output", metavar="FILE", help="write the numbers there as JSON")
    args = parser.parse_args()
    if args.vectors:
        as_with_avx2_only()
    results = {"about": about(args.rounds, args.vectors and "AVX2"), "images_per_second": {}}
    results["matrix_product_flops"] = peak = asked(matrix_product_speed)
    results["matrix_product_flops_one_core"] = one = asked(matrix_product_speed, cores=1)
    facts = results["about"]
    print(f"{facts['processor']}, {facts['vectors']}, {available_cores()} cores, load average {facts['load_average']}; "
          f"float32 matrix products at {peak / 1e9:.0f} GFLOP/s, on one core {one / 1e9:.0f}", flush=True)  # fmt: skip
    for title in args.tasks:
        speeds = results["images_per_second"][title] = measure(title, args.rounds)
        for name, speed in speeds.items():
            text = f"{title:30} {name:24} {speed:9,.0f} images/s  {speed / speeds[REFERENCE]:5.2f} x {REFERENCE}"
            if TASKS[title][0] == "lenet5":
                products = one if name.endswith("1 thread") or name == candidates.PLAIN else peak
                text += f"  {speed * FLOPS_AN_IMAGE / products:6.1%} of the products' speed"
            print(text, flush=True)
    if sys.platform != "win32":
        names = REFERENCE, *in_threads()
        seconds, megabytes = starting()
        for name in names[1:]:
            asked(peak_memory, name)  # from the second time on, loops come from the disk
        results["peak_memory_mb"] = {name: asked(peak_memory, name) for name in names}
        results["peak_memory_mb"]["minicnn, while compiling"] = megabytes["compiling"]
        results["seconds_to_first_step"] = seconds
        for name, value in results["peak_memory_mb"].items():
            print(f"{'peak memory, 60,000 digits':30} {name:24} {value:9,.0f} MB", flush=True)
        for what, value in seconds.items():
            print(f"{'process start to first step':30} {what:24} {value:9.1f} s", flush=True)
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
