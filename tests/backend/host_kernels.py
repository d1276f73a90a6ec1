"""cupy.RawModule with g++ for NVRTC: the real kernels/*.cu, run on the CPU by cuda_on_host.h.

Kernels see copies of their arrays with a margin on either side, NaN where they read and a mark where they write, so
that an access outside shows. With MINICNN_SANITIZE=1 the margins go, and AddressSanitizer and UBSan watch instead; the
process must have been started with libasan preloaded (see test_sanitized.py).
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import device_stream as streams
import numpy as np
from device_array import DeviceArray


def _fused_multiply_add():
    """Options by which a · b + c is rounded once, as CUDA's compiler has it, where this processor can."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.exists() else []
    return ["-mfma", "-ffp-contract=fast", "-fexpensive-optimizations"] if "fma" in flags else []


COMPILER = shutil.which("g++") if sys.platform == "linux" else None  # fibres and linker sections are Linux's here
HEADER = Path(__file__).with_name("cuda_on_host.h")
SANITIZE = os.environ.get("MINICNN_SANITIZE") == "1"
MEMORY_CHECKED = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAGS = ["-O1", "-fPIC", "-U_FORTIFY_SOURCE", "-std=c++17", "-w", *_fused_multiply_add()]
FLAGS += MEMORY_CHECKED if SANITIZE else ["-fsanitize=thread", "--param=tsan-instrument-func-entry-exit=0"]
LINK_FLAGS = ["-shared", *(MEMORY_CHECKED if SANITIZE else [])]  # races are looked for by cuda_on_host.h, no library

_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)')
_SCALARS = {
    "int": np.int32, "offset": np.int64, "long long": np.int64, "float": np.float32, "double": np.float64,
    "unsigned char": np.uint8, "unsigned": np.uint32,
}  # fmt: skip
_built = {}  # one compilation a source text and session
_MARGIN = 0 if SANITIZE else 64  # elements on either side of an array: NaN where a kernel may read, so that it shows,
_UNTOUCHED = -12345  # and this where it may write, so that it can be found missing

SHARED_MEMORY = 48 * 1024
"""What a block gets on every GPU without asking for more."""


class CompileException(Exception):
    """cupy.cuda.compiler.CompileException: str() is the compiler's log."""

    def __init__(self, message, source, name, options, backend="nvrtc"):
        super().__init__(message)
        self.source, self.name, self.options, self.backend = source, name, options, backend


class Order:
    """In which order the threads of a block run between two barriers, and the blocks of a grid."""

    ASCENDING, DESCENDING = 0, 1  # any other number is the seed of a random order
    number = ASCENDING


class RawModule:
    """cupy.RawModule."""

    def __init__(self, launched, *, code, options=(), backend="nvrtc"):
        self.launched, self.code, self.options = launched, code, options
        defines = dict(option[2:].split("=") for option in options if option.startswith("-D"))
        self.types = _SCALARS | {"real": _SCALARS[defines.get("REAL", "float")]}
        self.text = re.sub(r"//.*|/\*.*?\*/", "", code)
        self.barriers = "__syncthreads" in self.text
        self.signatures = {name: _parameters(parameters) for name, parameters in _KERNEL.findall(self.text)}

    def compile(self, log_stream=None):
        if unknown := re.search(r"\bstd::|#\s*include", self.text):
            raise CompileException(f"NVRTC has no headers: {unknown[0]}", self.code, "kernel.cu", self.options)
        launchers = "\n".join(_launcher(name, types, self.barriers) for name, types in self.signatures.items())
        text = f'#include "{HEADER.name}"\n#line 1 "kernel.cu"\n{self.code}\n{launchers}\n'
        options = [o for o in self.options if not o.startswith("-std")]
        key = hashlib.sha256("\0".join((text, *options)).encode()).hexdigest()
        if key not in _built:
            folder = Path(tempfile.mkdtemp(prefix="minicnn-kernels-"))
            try:
                (folder / "kernel.cpp").write_text(text, encoding="utf-8")
                for command in (
                    [*FLAGS, f"-I{HEADER.parent}", *options, "-c", "kernel.cpp", "-o", "kernel.o"],
                    [*LINK_FLAGS, "kernel.o", "-o", "kernel.so"],
                ):
                    done = subprocess.run([COMPILER, *command], cwd=folder, capture_output=True, text=True)
                    if done.returncode:
                        raise CompileException(done.stderr, self.code, "kernel.cu", self.options)
                _built[key] = ctypes.CDLL(str(folder / "kernel.so")), _static_memory(folder / "kernel.so")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self.library, self.static_memory = _built[key]

    def get_function(self, name):
        run, parameters = self.library[f"launch_{name}"], self.signatures[name]
        run.restype = ctypes.c_char_p
        static_memory = self.static_memory.get(name, 0)

        def kernel(grid, block, args, *, shared_mem=0):
            assert len(args) == len(parameters), f"{name} takes {len(parameters)} arguments, got {len(args)}"
            assert 0 < np.prod(block) <= 1024 and max((*grid, 1, 1)[1:3]) <= 65535, "CUDA refuses such a launch"
            most = max(SHARED_MEMORY - static_memory, kernel.max_dynamic_shared_size_bytes)
            assert min(grid) > 0 and shared_mem <= most, "CUDA refuses such a launch"
            arrays = [a for a in args if isinstance(a, DeviceArray)]
            for i, a in enumerate(arrays):
                assert a.device == streams.Device(), f"{name}: an array lies on another device"
                assert not any(np.may_share_memory(a._host, b._host) for b in arrays[:i]), "__restrict__ is broken"
            for parameter, a in zip(parameters, args):
                self._check(name, *parameter, a)

            def launch(args):
                self._run(run, name, parameters, grid, block, args, shared_mem)

            graph = streams.submit()
            if graph is None:
                launch(args)
            else:
                places = [(streams.lent(a._host), a.device) if isinstance(a, DeviceArray) else a for a in args]
                graph.append(lambda: launch([DeviceArray(p[0](), p[1]) if isinstance(p, tuple) else p for p in places]))
            self.launched.append(name)

        kernel.shared_size_bytes, kernel.max_dynamic_shared_size_bytes = static_memory, 0
        return kernel

    def _run(self, run, name, parameters, grid, block, args, shared_mem):
        values = [self._marshal(*parameter, a) for parameter, a in zip(parameters, args)]
        cells = [ctypes.c_void_p(_inside(v).ctypes.data) if v.ndim else v for v in values]
        addresses = [ctypes.addressof(c) if isinstance(c, ctypes.c_void_p) else c.ctypes.data for c in cells]
        sizes = [(ctypes.c_uint * 3)(*(*size, 1, 1)[:3]) for size in (grid, block)]
        error = run(*sizes, shared_mem, Order.number, (ctypes.c_void_p * len(addresses))(*addresses))
        assert error is None, f"{name}: {error.decode()}"
        for (type_, parameter), a, v in zip(parameters, args, values):
            if isinstance(a, DeviceArray) and "const" not in type_:
                margins = np.concatenate([v[:_MARGIN], v[len(v) - _MARGIN :]])
                assert (margins == _mark(v.dtype)).all(), f"{name} writes outside {parameter}"
                a._host[...] = _inside(v).reshape(a.shape)

    def _dtype(self, type_):
        return np.dtype(self.types[type_.replace("const", "").replace("*", "").strip()])

    def _check(self, name, type_, parameter, value):
        """Raise TypeError unless the kernel takes ``value`` for this parameter."""
        pointer, dtype = "*" in type_, self._dtype(type_)
        if pointer and isinstance(value, np.intp) and value == 0:
            return  # a null pointer
        if not isinstance(value, DeviceArray if pointer else np.generic) or value.dtype != dtype:
            given = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"{name}: {parameter} is declared {type_}, got {given}")
        assert not pointer or value.flags.c_contiguous, f"{name}: {parameter} is not C-contiguous"

    def _marshal(self, type_, parameter, value):
        """``value`` as the kernel takes it; an array as a copy with a margin on either side."""
        if not isinstance(value, DeviceArray):
            return np.array(value)
        dtype = self._dtype(type_)
        reads_only = "const" in type_ and dtype.kind == "f"
        padded = _memory(value.size + 2 * _MARGIN, dtype)
        padded[...] = np.nan if reads_only else _mark(dtype)
        _inside(padded)[...] = value._host.reshape(-1)
        return padded


def _static_memory(library):
    """{kernel: bytes of its shared variables}, which a library calls _ZZ<length of the kernel's name><its name>E..."""
    symbols = subprocess.run(["nm", "-S", library], capture_output=True, text=True, check=True).stdout
    sizes = {}
    for size, length, rest in re.findall(r"^\w+ (\w+) [bd] _ZZ(\d+)(\w+)$", symbols, re.MULTILINE):
        kernel = rest[: int(length)]
        sizes[kernel] = sizes.get(kernel, 0) + int(size, 16)
    return sizes


def _memory(size, dtype):
    """An array; for the sanitizer one of its own in the heap, for NumPy keeps small ones for later."""
    return np.frombuffer(bytearray(size * dtype.itemsize), dtype) if SANITIZE else np.empty(size, dtype)


def _mark(dtype):
    return _UNTOUCHED if dtype.kind != "u" else 77


def _inside(padded):
    return padded[_MARGIN : len(padded) - _MARGIN]


def _parameters(text):
    """[(type, name), ...] of a parameter list."""
    words = [" ".join(p.replace("__restrict__", " ").replace("*", " * ").split()) for p in text.split(",")]
    return [tuple(w.rsplit(" ", 1)) for w in words]


def _launcher(name, parameters, barriers):
    """C++ that calls a kernel for every thread, its arguments behind pointers as cuLaunchKernel takes them."""
    args = ", ".join(f"*({type_}*)args[{i}]" for i, (type_, _) in enumerate(parameters))
    return (
        f'extern "C" const char* launch_{name}(\n'
        "    const unsigned* grid, const unsigned* block, unsigned shared, unsigned order, void** args) {\n"
        f"    return cuda_on_host::launch(grid, block, shared, {'true' if barriers else 'false'}, order,\n"
        f"        [&] {{ {name}({args}); }});\n}}"
    )
