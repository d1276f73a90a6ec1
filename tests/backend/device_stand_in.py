"""A GPU for machines that have none: ``fake_cupy()`` looks like CuPy, computes with NumPy, and is as strict.

DeviceArray wraps a NumPy array and refuses to be mixed with one, as CuPy's arrays do; so code that forgets
``backend.asarray`` or ``backend.to_numpy`` fails here too. RawModule compiles the real kernels/*.cu with g++
(see cuda_on_host.h) and runs their threads one after the other, so the real CupyBackend is under test.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
import types
from pathlib import Path

import numpy as np

COMPILER = shutil.which("g++")
HEADER = Path(__file__).with_name("cuda_on_host.h")


# ------------------------------------------------------------------------------------------------- arrays


def _refuse(*values):
    """Raise TypeError for NumPy arrays, wherever they hide; scalars of either kind are welcome."""
    for value in values:
        if isinstance(value, np.ndarray):
            raise TypeError(f"Unsupported type {type(value)}: a NumPy array among device arrays")
        if isinstance(value, (tuple, list)):
            _refuse(*value)


def _host(value):
    """``value`` with every DeviceArray in it replaced by its NumPy array."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, (tuple, list)):
        return type(value)(_host(v) for v in value)
    return value


def _device(value):
    """``value`` with every NumPy array or scalar in it as a DeviceArray: a full reduction stays on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(_device(v) for v in value)
    return value


def _on_device(function):
    """The NumPy ``function`` for DeviceArrays. What it writes to (``out=``, in place) is returned as given."""

    def call(*args, **kwargs):
        _refuse(*args, *kwargs.values())
        out = kwargs.get("out")
        result = function(*_host(args), **{name: _host(value) for name, value in kwargs.items()})
        return _device(result) if out is None else out

    return call


class DeviceArray:
    """What cupy.ndarray is, in host memory."""

    __array_priority__ = 100

    def __init__(self, host):
        self._host = host

    def __repr__(self):
        return f"DeviceArray({self._host!r})"

    def __getattr__(self, name):
        if name.startswith("_") or name in ("ctypes", "data", "tofile", "byteswap"):
            raise AttributeError(f"DeviceArray has no attribute {name!r}")
        attribute = getattr(self._host, name)
        return _on_device(attribute) if callable(attribute) else _device_attribute(attribute)

    def get(self):
        return self._host.copy()

    def item(self):
        return self._host.item()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not available on device arrays")
        return _on_device(ufunc)(*inputs, **_single_out(kwargs))

    def __array_function__(self, function, types, args, kwargs):
        if any(issubclass(t, np.ndarray) for t in types):
            raise TypeError(f"np.{function.__name__}: a NumPy array among device arrays")
        return _on_device(function)(*args, **kwargs)

    def __getitem__(self, index):
        _refuse(index)
        return _device(self._host[_host(index)])

    def __setitem__(self, index, value):
        _refuse(index, value)
        self._host[_host(index)] = _host(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __deepcopy__(self, memo):
        return DeviceArray(self._host.copy())

    def __reduce__(self):
        return DeviceArray, (self._host,)

    __hash__ = None


def _device_attribute(attribute):
    return DeviceArray(attribute) if isinstance(attribute, np.ndarray) else attribute  # .T is an array


def _single_out(kwargs):
    """A ufunc hands on ``out`` as a tuple of one."""
    if isinstance(kwargs.get("out"), tuple):
        (kwargs["out"],) = kwargs["out"]
    return kwargs


def _operator(name):
    method = getattr(np.ndarray, name)

    def operator(self, *others):
        _refuse(*others)
        if not all(isinstance(o, (DeviceArray, np.generic, bool, int, float, complex)) for o in others):
            return NotImplemented
        result = method(self._host, *_host(others))
        in_place = result is self._host
        return self if in_place else result if result is NotImplemented else _device(result)

    return operator


def _conversion(name):
    method = getattr(np.ndarray, name)
    return lambda self: method(self._host)


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    for _kind in ("", "r", "i"):
        setattr(DeviceArray, f"__{_kind}{_name}__", _operator(f"__{_kind}{_name}__"))
for _name in "eq ne lt le gt ge neg pos abs invert".split():
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in "float int bool index complex".split():  # these wait for the device and copy one number, as CuPy's do
    setattr(DeviceArray, f"__{_name}__", _conversion(f"__{_name}__"))


# ------------------------------------------------------------------------------------------ the namespace


class CUDARuntimeError(RuntimeError):
    """cupy.cuda.runtime.CUDARuntimeError; its message starts with CUDA's name for the error."""


class CompileException(Exception):
    """cupy.cuda.compiler.CompileException: str() is the compiler's log."""

    def __init__(self, message, source, name, options, backend="nvrtc"):
        super().__init__(message)
        self.source, self.name, self.options, self.backend = source, name, options, backend


class FakeCupy(types.ModuleType):
    """CuPy's namespace: a few functions of its own, all others NumPy's."""

    ndarray = DeviceArray

    def __init__(self, devices=1):
        super().__init__("cupy")
        self.launched = []  # names of the kernels that ran
        self.RawModule = lambda **kwargs: RawModule(self.launched, **kwargs)
        device = types.SimpleNamespace(synchronize=lambda: None, use=lambda: None)
        self.cuda = types.SimpleNamespace(
            Device=lambda index=0: device,
            compiler=types.SimpleNamespace(CompileException=CompileException),
            runtime=types.SimpleNamespace(getDeviceCount=lambda: devices, CUDARuntimeError=CUDARuntimeError),
        )

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("random", "linalg", "fft", "lib", "testing", "ctypeslib"):
            raise AttributeError(f"the stand-in has no {name}")
        attribute = getattr(np, name)
        if isinstance(attribute, type) or not callable(attribute):
            return attribute
        return _on_device(attribute)

    def asarray(self, a, dtype=None):
        """The one way in: a copy for host arrays, none for device arrays that have the dtype already."""
        if isinstance(a, DeviceArray):
            return DeviceArray(np.asarray(a._host, dtype=dtype)) if dtype not in (None, a.dtype) else a
        return DeviceArray(np.array(_host(a), dtype=dtype))

    array = asarray

    def asnumpy(self, a):
        """The one way out."""
        return a.get() if isinstance(a, DeviceArray) else np.asarray(a)

    def empty(self, shape, dtype=float):
        """Filled with NaN, or a number nobody expects: an element that is never written shows."""
        host = np.empty(shape, dtype)
        host[...] = np.nan if host.dtype.kind == "f" else 99
        return DeviceArray(host)

    def ascontiguousarray(self, a, dtype=None):
        _refuse(a)
        return a if a.flags.c_contiguous and dtype is None else DeviceArray(np.ascontiguousarray(a._host, dtype))


# ------------------------------------------------------------------------------------------------- kernels

_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)')
_SCALARS = {"int": np.int32, "offset": np.int64, "long long": np.int64, "float": np.float32, "double": np.float64}
_built = {}  # one compilation a source text and session
_MARGIN = 64  # elements on either side of an array: NaN where a kernel may read, so that it shows in the result,
_UNTOUCHED = -12345  # and this where it may write, so that it can be found missing


class RawModule:
    """cupy.RawModule with g++ for NVRTC."""

    def __init__(self, launched, *, code, options=(), backend="nvrtc"):
        self.launched, self.code, self.options = launched, code, options
        defines = dict(option[2:].split("=") for option in options if option.startswith("-D"))
        self.types = _SCALARS | {"real": _SCALARS[defines.get("REAL", "float")]}
        text = re.sub(r"//.*|/\*.*?\*/", "", code)
        self.signatures = {name: _parameters(parameters) for name, parameters in _KERNEL.findall(text)}

    def compile(self, log_stream=None):
        launchers = "\n".join(_launcher(name, types) for name, types in self.signatures.items())
        text = f'#include "{HEADER.name}"\n#line 1 "kernel.cu"\n{self.code}\n{launchers}\n'
        key = hashlib.sha256("\0".join((text, *self.options)).encode()).hexdigest()
        if key not in _built:
            folder = Path(tempfile.mkdtemp(prefix="minicnn-kernels-"))
            try:
                (folder / "kernel.cpp").write_text(text, encoding="utf-8")
                command = [COMPILER, "-shared", "-fPIC", "-O2", f"-I{HEADER.parent}", *self.options]
                done = subprocess.run(
                    [*command, "kernel.cpp", "-o", "kernel.so"], cwd=folder, capture_output=True, text=True
                )
                if done.returncode:
                    raise CompileException(done.stderr, self.code, "kernel.cu", self.options)
                _built[key] = ctypes.CDLL(str(folder / "kernel.so"))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self.library = _built[key]

    def get_function(self, name):
        launch, parameters = self.library[f"launch_{name}"], self.signatures[name]

        def kernel(grid, block, args, *, shared_mem=0):
            assert len(args) == len(parameters), f"{name} takes {len(parameters)} arguments, got {len(args)}"
            assert 0 < np.prod(block) <= 1024 and max((*grid, 1, 1)[1:3]) <= 65535, "CUDA refuses such a launch"
            arrays = [a for a in args if isinstance(a, DeviceArray)]
            for i, a in enumerate(arrays):
                assert not any(np.may_share_memory(a._host, b._host) for b in arrays[:i]), "__restrict__ is broken"
            values = [self._marshal(name, *parameter, a) for parameter, a in zip(parameters, args)]
            cells = [ctypes.c_void_p(_inside(v).ctypes.data) if v.ndim else v for v in values]
            addresses = [ctypes.addressof(c) if isinstance(c, ctypes.c_void_p) else c.ctypes.data for c in cells]
            sizes = [(ctypes.c_uint * 3)(*(*size, 1, 1)[:3]) for size in (grid, block)]
            launch(*sizes, (ctypes.c_void_p * len(addresses))(*addresses))
            for (type_, parameter), a, v in zip(parameters, args, values):
                if isinstance(a, DeviceArray):
                    if "const" not in type_:
                        margins = np.concatenate([v[:_MARGIN], v[-_MARGIN:]])
                        assert (margins == _UNTOUCHED).all(), f"{name} writes outside {parameter}"
                    a._host[...] = _inside(v).reshape(a.shape)
            self.launched.append(name)

        return kernel

    def _marshal(self, name, type_, parameter, value):
        """``value`` as the kernel wants it, or TypeError; an array as a copy with a margin on either side."""
        dtype = np.dtype(self.types[type_.replace("const", "").replace("*", "").strip()])
        pointer = "*" in type_
        if not isinstance(value, DeviceArray if pointer else np.generic) or value.dtype != dtype:
            given = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"{name}: {parameter} is declared {type_}, got {given}")
        if not pointer:
            return np.array(value)
        assert value.flags.c_contiguous, f"{name}: {parameter} is not C-contiguous"
        reads_only = "const" in type_ and dtype.kind == "f"
        padded = np.full(value.size + 2 * _MARGIN, np.nan if reads_only else _UNTOUCHED, dtype)
        _inside(padded)[...] = value._host.reshape(-1)
        return padded


def _inside(padded):
    return padded[_MARGIN : len(padded) - _MARGIN]


def _parameters(text):
    """[(type, name), ...] of a parameter list."""
    words = [" ".join(p.replace("__restrict__", " ").replace("*", " * ").split()) for p in text.split(",")]
    return [tuple(w.rsplit(" ", 1)) for w in words]


def _launcher(name, parameters):
    """C++ that calls a kernel for every thread, its arguments behind pointers as cuLaunchKernel takes them."""
    args = ", ".join(f"*({type_}*)args[{i}]" for i, (type_, _) in enumerate(parameters))
    return (
        f'extern "C" void launch_{name}(const unsigned* grid, const unsigned* block, void** args) {{\n'
        f"    for_each_thread(grid, block, [&] {{ {name}({args}); }});\n}}"
    )
