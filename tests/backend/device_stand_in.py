"""A GPU for machines that have none: ``FakeCupy()`` looks like CuPy, computes with NumPy, and is as strict.

device_array.py has its arrays, device_stream.py its streams, graphs and memory, host_kernels.py runs the real
kernels/*.cu on the CPU. So the real CupyBackend is under test, and code that forgets ``backend.asarray`` or
``backend.to_numpy`` fails here too.
"""

import types

import device_stream as streams
import numpy as np
from device_array import DeviceArray, on_device
from device_stream import CUDARuntimeError, Device, Memory, OutOfMemoryError
from host_kernels import COMPILER, CompileException, Order, RawModule

__all__ = ["COMPILER", "CUDARuntimeError", "CompileException", "Device", "DeviceArray", "FakeCupy", "Memory", "Order"]


class FakeCupy(types.ModuleType):
    """CuPy's namespace: a few functions of its own, all others NumPy's."""

    ndarray = DeviceArray

    def __init__(self, devices=1):
        super().__init__("cupy")
        self.__version__ = "stand-in"
        self.launched = []  # names of the kernels that ran or were captured
        self.RawModule = lambda **kwargs: RawModule(self.launched, **kwargs)
        pool = streams.MemoryPool()
        self.get_default_memory_pool = lambda: pool
        self.cuda = types.SimpleNamespace(
            Device=Device,
            Stream=streams.Stream,
            Event=streams.Event,
            get_elapsed_time=streams.get_elapsed_time,
            MemoryPool=streams.MemoryPool,
            using_allocator=streams.using_allocator,
            get_current_stream=streams.current,
            memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            driver=types.SimpleNamespace(CUDADriverError=streams.CUDADriverError),
            compiler=types.SimpleNamespace(CompileException=CompileException),
            runtime=types.SimpleNamespace(
                getDeviceCount=lambda: devices,
                CUDARuntimeError=CUDARuntimeError,
                getDeviceProperties=lambda number: {"name": b"stand-in"},
                driverGetVersion=lambda: 0,
                runtimeGetVersion=lambda: 0,
            ),
        )

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("random", "linalg", "fft", "lib", "testing", "ctypeslib"):
            raise AttributeError(f"the stand-in has no {name}")
        attribute = getattr(np, name)
        if isinstance(attribute, type) or not callable(attribute):
            return attribute
        return on_device(attribute)

    def asarray(self, a, dtype=None):
        """The one way in: a copy for host arrays, none for device arrays that have the dtype already."""
        if isinstance(a, DeviceArray):
            return a if dtype in (None, a.dtype) else a.astype(dtype)
        streams.copy_from_host()
        host = np.array([v.get() if isinstance(v, DeviceArray) else v for v in a] if isinstance(a, list) else a, dtype)
        streams.made(host)
        return DeviceArray(host)

    array = asarray

    def asnumpy(self, a):
        """The one way out."""
        return a.get() if isinstance(a, DeviceArray) else np.asarray(a)

    def empty(self, shape, dtype=float):
        """Filled with NaN, or a number nobody expects: an element that is never written shows."""
        host = np.empty(shape, dtype)
        streams.made(host)
        host[...] = np.nan if host.dtype.kind == "f" else 99
        return DeviceArray(host)

    def empty_like(self, a):
        return self.empty(a.shape, a.dtype)

    def zeros(self, shape, dtype=float):
        a = self.empty(shape, dtype)
        a[...] = 0
        return a

    def ascontiguousarray(self, a, dtype=None):
        return a if a.flags.c_contiguous and dtype in (None, a.dtype) else a.astype(dtype or a.dtype, order="C")
