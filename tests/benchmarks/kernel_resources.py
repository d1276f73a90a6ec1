"""Registers and memory of every CUDA kernel, as CUDA's own compiler (NVRTC, with ptxas) gives them; needs no GPU.

    python tests/benchmarks/kernel_resources.py --output tests/benchmarks/results/kernel_resources.json

Compiles each kernels/cuda/*.cu through CuPy, as training does, for float32 and float64 and GPUs of four generations.
Prints a table for Hopper and writes all numbers as JSON. Needs cupy and NVRTC (nvidia-cuda-nvrtc).
"""

import argparse
import contextlib
import functools
import io
import itertools
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "compiled")]

import recorded  # noqa: E402

from minicnn.backend import kernels  # noqa: E402
from minicnn.compiled import cuda  # noqa: E402
from minicnn.files import atomic_write  # noqa: E402

ARCHITECTURES = ("75", "80", "90", "100")
"""Turing, Ampere, Hopper, Blackwell."""

REALS = {"float32": "float", "float64": "double"}

_KERNEL = re.compile(r"Compiling entry function '(\w+)'")
_NUMBERS = {
    "registers": re.compile(r"Used (\d+) registers"),
    "shared": re.compile(r"(\d+) bytes smem"),
    "stack": re.compile(r"(\d+) bytes stack frame"),
    "spilled": re.compile(r"(\d+) bytes spill stores"),
}


def files():
    return sorted(entry.name for entry in kernels.folder().iterdir() if entry.name.endswith(".cu"))


@functools.cache
def written(dtype):
    """{kernel: (source, bytes of shared memory)} of those that are written when LeNet-5 trains at batch 64; and when a
    batch is too large for one block to add up a gradient."""
    known = {kernels.source(file) for file in files()}
    with mock.patch.object(cuda, "WHOLE", 0):
        launches = recorded.launches("lenet5", dtype, samples=65)
    launches += recorded.launches("lenet5", dtype)
    return {name: (code, shared) for code, _, name, *_, shared in launches if code not in known}


@functools.cache
def obstacle():
    """Why nothing can be compiled here, in words; None if it can."""
    try:
        version()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def version():
    """NVRTC's, major and minor."""
    from cupy.cuda import nvrtc

    return ".".join(map(str, nvrtc.getVersion()))


@contextlib.contextmanager
def without_a_device():
    """Within this block CuPy does not ask a device what to compile for."""
    from cupy.cuda import compiler

    def target(architecture):
        return f"-arch={architecture}", "cubin" if architecture.startswith("sm") else "ptx"

    with mock.patch.object(compiler, "_get_arch_for_options_for_nvrtc", target):
        yield


def compile_for(architecture, code, options):
    """(what NVRTC makes of the code through CuPy, what it says): a cubin for "sm_90", PTX for "compute_90"."""
    from cupy.cuda import compiler

    log = io.StringIO()
    return compiler.compile_using_nvrtc(code, options, architecture, log_stream=log)[0], log.getvalue()


def compiled(file, dtype, architecture):
    """{kernel: {registers, shared, stack, spilled}} of a thread or block, the last three in bytes.

    Raises RuntimeError for what the compiler warns of.
    """
    code, shared = (kernels.source(file), 0) if file.endswith(".cu") else written(dtype)[file]
    options = "-std=c++14", f"-DREAL={REALS[dtype]}", "--ptxas-options=-v"
    _, log = compile_for(f"sm_{architecture}", code, options)
    if "warning" in log:
        raise RuntimeError(f"{file} ({dtype}, sm_{architecture}): {log}")
    return {name: {**numbers, "shared": numbers["shared"] + shared} for name, numbers in resources(log).items()}


def resources(log):
    """{kernel: numbers} from what ptxas says."""
    _, *parts = _KERNEL.split(log)  # name, words, name, words, ...
    return {name: _numbers(words) for name, words in zip(parts[::2], parts[1::2])}


def _numbers(words):
    found = {key: pattern.search(words) for key, pattern in _NUMBERS.items()}
    return {key: int(match[1]) if match else 0 for key, match in found.items()}


def measured(names=None):
    """{architecture: {dtype: {kernel: numbers}}} of these files or written kernels, by default all."""
    for dtype in REALS:
        written(dtype)  # now: a stand-in for CuPy is not for several threads
    jobs = list(itertools.product(names or [*files(), *written("float32")], REALS, ARCHITECTURES))
    with without_a_device(), ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda job: compiled(*job), jobs))
    every = {architecture: {dtype: {} for dtype in REALS} for architecture in ARCHITECTURES}
    for (_, dtype, architecture), found in zip(jobs, results):
        every[architecture][dtype].update(found)
    return every


def table(results, architecture):
    """Two lines of head, then one a kernel, in Markdown."""
    by_type = results["kernels"][architecture]
    lines = [f"| sm_{architecture} | registers a thread | shared memory a block |", "|---|---|---|"]
    for name, single in sorted(by_type["float32"].items()):
        double = by_type["float64"][name]
        lines.append(f"| `{name}` | {single['registers']} ({double['registers']}) "
                     f"| {single['shared']:,} ({double['shared']:,}) |")  # fmt: skip
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="FILE", help="write all numbers there as JSON")
    args = parser.parse_args(arguments)
    if obstacle() is not None:
        raise SystemExit(f"nothing to compile with: {obstacle()}")
    results = {"nvrtc": version(), "kernels": measured()}
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)
    print(f"NVRTC {results['nvrtc']}, float32 and, in brackets, float64:\n\n{table(results, '90')}")


if __name__ == "__main__":
    main()
