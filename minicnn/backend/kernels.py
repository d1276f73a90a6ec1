"""CUDA C++ sources from kernels/cuda/*.cu: found, compiled when first needed, and bound to their arguments."""

import functools
import re
from importlib import resources

import numpy as np

from minicnn.sources import kernels

THREADS = 256
"""Threads in a block."""

MAX_BLOCKS_DOWN = 65535
"""CUDA's limit to blockIdx.y and blockIdx.z."""

MAX_AXIS = 2**30
"""Rows and columns are counted in 32 bits; half of that leaves room for one more step of the row loop."""

SHARED_MEMORY = 48 * 1024
"""Bytes of shared memory that a block gets on every GPU; more, up to ``most_shared_memory``, where it asks for it."""

NULL = np.intp(0)
"""A null pointer, for an array that a kernel can do without."""


def folder():
    """kernels/cuda, wherever it lies."""
    return resources.files(kernels()) / "cuda"


class Written(str):
    """A source that was written while the program runs, in place of the name of a file in kernels/cuda."""


def source(file):
    """The text of ``kernels/cuda/file`` with every ``#include "other"`` replaced by the text of that file.

    Includes are resolved here because neither a wheel in a zip file nor NVRTC has a directory to look in.
    """
    text = file if isinstance(file, Written) else (folder() / file).read_text(encoding="utf-8")
    return re.sub(r'^#include "([^"]+)"$', lambda match: source(match[1]), text, flags=re.MULTILINE)


@functools.cache
def compiled(cupy, file, dtype):
    """The module of ``kernels/cuda/file`` for this dtype; RuntimeError with the compiler's log if it is not CUDA C++.

    CuPy keeps what it compiles on disk, so that only the first process ever waits.
    """
    real = {"float32": "float", "float64": "double"}[dtype]
    module = cupy.RawModule(code=source(file), options=("-std=c++14", f"-DREAL={real}"))
    try:
        module.compile()
    except cupy.cuda.compiler.CompileException as error:
        name = "a tower" if isinstance(file, Written) else f"kernels/cuda/{file}"
        raise RuntimeError(f"{name} does not compile (REAL={real}):\n{error}") from error
    return module


@functools.cache
def kernel(cupy, file, name, dtype):
    return compiled(cupy, file, dtype).get_function(name)


def most_shared_memory(cupy):
    """Bytes of shared memory that a block may have on the current device."""
    return cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]


def free_shared_memory(cupy, file, name, dtype, most=SHARED_MEMORY):
    """Bytes that a block of this kernel may ask for at its launch, beside those that it always has."""
    return most - kernel(cupy, file, name, dtype).shared_size_bytes


def bind(cupy, file, name, dtype, grid, block, arguments, shared=0, most=SHARED_MEMORY):
    """A function of no arguments that launches kernel ``name`` of ``kernels/cuda/file``, compiled for ``dtype`` now, on
    the stream that is then the current one.

    Of the arguments a Python int becomes ``int``, a float ``real``, None a null pointer; arrays and NumPy scalars
    stay. Raises ValueError for a grid or an amount of shared memory that CUDA has no room for; ``most`` is how much a
    block may have.
    """
    if max((*grid, 1)[1:]) > MAX_BLOCKS_DOWN or grid[0] > MAX_AXIS:
        raise ValueError(f"{name}: a grid of {grid} blocks is too large for CUDA; take a smaller batch or layer")
    if shared > (free := free_shared_memory(cupy, file, name, dtype, most)):
        raise ValueError(f"{name}: a block needs {shared:,} bytes of shared memory, a GPU has {free:,} left for it")
    if shared > free_shared_memory(cupy, file, name, dtype):
        kernel(cupy, file, name, dtype).max_dynamic_shared_size_bytes = shared
    real = np.float32 if dtype == "float32" else np.float64
    converted = tuple(
        np.int32(a) if type(a) in (int, bool) else real(a) if type(a) is float else NULL if a is None else a
        for a in arguments  # CuPy would pass a plain int as 64 bits
    )
    return functools.partial(kernel(cupy, file, name, dtype), grid, block, converted, shared_mem=shared)


def bind_rows(cupy, file, name, dtype, rows, columns, arguments):
    """``bind`` with a thread for each element of ``rows`` rows of ``columns``.

    Blocks are as wide as a row needs, in whole warps of 32, and as high as THREADS then allows, so that short rows
    (a batch of 1) do not leave threads idle.
    """
    check_axes(name, rows, columns)
    wide = min(THREADS, -(-columns // 32) * 32)
    high = THREADS // wide
    grid = (-(-columns // wide), min(-(-rows // high), MAX_BLOCKS_DOWN))
    return bind(cupy, file, name, dtype, grid, (wide, high), arguments)


def bind_flat(cupy, file, name, dtype, size, arguments):
    """``bind`` with a thread for each of ``size`` elements, whatever the shape they are in."""
    blocks = min(-(-size // THREADS), MAX_BLOCKS_DOWN)
    return bind(cupy, file, name, dtype, (blocks,), (THREADS,), arguments)


def check_axes(name, rows, columns):
    """ValueError where an axis is too long for a kernel's 32-bit counters."""
    if max(rows, columns) > MAX_AXIS:
        raise ValueError(f"{name}: {rows} rows of {columns} elements are too large for the kernel (2^30 each)")
