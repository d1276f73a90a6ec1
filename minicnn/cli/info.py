"""``minicnn info``: what a bug report needs to say of this machine, and nothing that is private but paths."""

import argparse
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import minicnn as mc
from minicnn import sources
from minicnn.backend.cores import available_cores
from minicnn.compiled.forms import numba_obstacle
from minicnn.compiled.loops import kernels
from minicnn.data.cache import cache_directory
from minicnn.terminal import fitted

VECTORS = {
    "avx512f": "AVX-512, 512 bits", "avx2": "AVX2, 256 bits", "avx": "AVX, 256 bits", "sse4.2": "SSE4.2, 128 bits",
    "sse4_2": "SSE4.2, 128 bits", "sve": "SVE", "neon": "NEON, 128 bits", "asimd": "NEON, 128 bits",
}  # fmt: skip
"""The widest first, as LLVM and as Linux call them."""

OTHERS = ("matplotlib", "pillow", "tqdm", "pooch", "mpi4py", "onnx", "safetensors", "scikit-learn", "torch")
"""Packages whose versions may matter."""

VARIABLES = ("MINICNN_", "NUMBA_", "OPENBLAS_", "OMP_", "MKL_", "CUDA_", "CUPY_")
"""How variables of the environment begin that change what is computed, or where."""


def main(arguments=None, prog="python -m minicnn info"):
    parser = argparse.ArgumentParser(prog=prog, description="What computes here, and what to paste into a bug report.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args, found = parser.parse_args(arguments), facts()
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    wide = max(map(len, found)) + len(": ")
    for name, text in found.items():
        print(fitted(f"{name + ':':{wide}}{text}", sys.stdout, indent=" " * wide))
    return 0


def facts():
    """Everything, by name, each in words."""
    form = "clone or source archive" if sources.checkout() else "installed"
    versions = {name: version(name) for name in OTHERS}
    variables = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    return {
        "minicnn": f"{mc.__version__}, {form}, {sources.PACKAGE}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}",
        "system": f"{platform.platform()}",
        "processor": f"{processor()}, {available_cores()} cores",
        "vectors": vectors(),
        "memory": memory(),
        "NumPy": np.__version__,
        "BLAS": "; ".join(map(blas, (each for each in threadpool_info() if each["user_api"] == "blas"))) or "unknown",
        "Numba": numba_obstacle() or f"{version('numba')}, llvmlite {version('llvmlite')}",
        "CuPy": cupy(),
        "others": ", ".join(f"{name} {number}" for name, number in versions.items() if number) or "none",
        "absent": ", ".join(name for name, number in versions.items() if not number) or "none",
        "loops kept": kept_loops(),
        "data kept": kept_data(),
        "variables": ", ".join(f"{name}={value}" for name, value in sorted(variables.items())) or "none",
    }


def version(name):
    """The version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def processor():
    """The processor's name as the system gives it."""
    names = cpuinfo("model name")
    return names or platform.processor() or platform.machine() or "unknown"


def vectors():
    """The widest vectors that the processor has."""
    try:
        from llvmlite.binding import get_host_cpu_features

        has = [name for name, there in get_host_cpu_features().items() if there]
    except (ImportError, RuntimeError):
        has = (cpuinfo("flags") or cpuinfo("Features") or "").split()
    return next((words for name, words in VECTORS.items() if name in has), "unknown")


def cpuinfo(key):
    """What Linux says of the first core under that name; None elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), None)


def memory():
    if not hasattr(os, "sysconf"):  # Windows
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def blas(library):
    """A line of threadpoolctl in words."""
    kind = " ".join(str(library[name]) for name in ("internal_api", "version", "architecture") if library.get(name))
    return f"{kind}, {library['num_threads']} threads"


def cupy():
    """The GPU and its CUDA, or why there is none to be used."""
    backend = mc.backend.get("auto")
    if backend.name != "cupy":
        return f"not used: {backend.reason}"
    runtime = backend.xp.cuda.runtime
    device = runtime.getDeviceProperties(backend.xp.cuda.Device().id)["name"].decode()
    return f"{backend.xp.__version__}, {device}, CUDA {runtime.runtimeGetVersion()}"


def kept_loops():
    """Where Numba keeps the compiled loops, and how much of the disk they take."""
    if numba_obstacle() is not None:
        return "none"
    folder = kernels().jit.specialised(kernels().epoch.once, "where").stats.cache_path
    if folder is None:
        return "nowhere: no folder can be written, so each process compiles anew"
    files = [path for path in Path(folder).glob("*.nb?") if path.is_file()]
    return f"{folder}, {len(files)} files, {sum(path.stat().st_size for path in files) / 2**20:.1f} MiB"


def kept_data():
    """Where downloaded data sets are kept, and which files are there."""
    folder = cache_directory()
    if folder is None:
        return "nowhere: this user has no home directory"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return f"{folder}, {', '.join(files) or 'empty'}"
