"""CuPy on an NVIDIA GPU: array code as everywhere, and handwritten kernels for im2col and col2im."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicnn import sources
from minicnn.backend import kernels
from minicnn.backend.base import Backend, output_size
from minicnn.errors import BackendNotAvailableError, DeviceError, DeviceMemoryError
from minicnn.typing import Array, ArrayLike, DType, Shape, Sizes

INSTALL = f"{sources.pip_install('cuda12', 'cuda13')}, for the CUDA version that nvidia-smi shows"


class CupyBackend(Backend):
    """Overrides the primitives of ``Backend``, which says what they compute, with kernels/cuda/*.cu.

    Raises BackendNotAvailableError where CuPy, the NVIDIA driver or a device is missing.
    """

    name = "cupy"

    def __init__(self) -> None:
        super().__init__(usable_cupy())

    def asarray(self, a: ArrayLike, dtype: DType | None = None) -> Array:
        with self.memory_errors():
            return super().asarray(a, dtype)

    def to_numpy(self, a: Array) -> Array:
        return self.xp.asnumpy(a)

    def synchronize(self) -> None:
        self.xp.cuda.Device().synchronize()

    @contextmanager
    def memory_errors(self) -> Iterator[None]:
        """Within this block too little device memory is a DeviceMemoryError, which says what to do."""
        try:
            yield
        except self.out_of_memory as error:
            raise self.memory_error(error) from error

    @contextmanager
    def device_errors(self) -> Iterator[None]:
        """Within this block a failure of the device is a DeviceError, which says what to do."""
        cuda = self.xp.cuda
        try:
            yield
        except (cuda.runtime.CUDARuntimeError, cuda.driver.CUDADriverError) as error:
            raise DeviceError(
                f"the GPU failed: {error}. What was on it is lost, files stay as they were: start a new process and go "
                "on from the last checkpoint (--resume), on the CPU (--backend numpy) if the GPU is gone"
            ) from error

    @property
    def out_of_memory(self) -> type[Exception]:
        """What CuPy raises where device memory does not suffice."""
        return self.xp.cuda.memory.OutOfMemoryError

    def memory_error(self, error: Exception) -> DeviceMemoryError:
        """A DeviceMemoryError in place of CuPy's; what CuPy's pool keeps for later is given back to the device."""
        self.xp.get_default_memory_pool().free_all_blocks()
        return DeviceMemoryError(
            f"the GPU is out of memory: {error} Take a smaller batch (--batch-size), float32 instead of float64, or "
            "end other programs that use it (nvidia-smi lists them)"
        )

    def im2col(self, x: Array, kernel_size: Sizes, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
               dilation: Sizes = (1, 1)) -> Array:  # fmt: skip
        x = self._real("x", x)
        sizes = _convolution_sizes(x.shape, kernel_size, stride, padding, dilation)
        channels, _, _, batch, h_out, w_out, kh, kw, *_ = sizes
        with self.memory_errors():
            cols = self.xp.empty((channels * kh * kw, h_out * w_out * batch), x.dtype)
        self._launch("im2col", cols, w_out * batch, (x, cols, *sizes))
        return cols

    def col2im(self, cols: Array, x_shape: Shape, kernel_size: Sizes, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
               dilation: Sizes = (1, 1)) -> Array:  # fmt: skip
        sizes = _convolution_sizes(x_shape, kernel_size, stride, padding, dilation)
        channels, _, _, batch, h_out, w_out, kh, kw, *_ = sizes
        cols = self._real("cols", cols).reshape(channels * kh * kw, h_out * w_out * batch)
        with self.memory_errors():
            dx = self.xp.empty(x_shape, cols.dtype)
        self._launch("col2im", dx, x_shape[2] * x_shape[3], (cols, dx, *sizes))
        return dx

    def _launch(self, name, out, columns, arguments):
        """Run the kernel of that name with a thread for each element of ``out``, in rows of ``columns``."""
        if out.size:
            rows = out.size // columns
            kernels.bind_rows(self.xp, f"{name}.cu", name, out.dtype.name, rows, columns, arguments)()

    def _real(self, name, a):
        """``a`` as the kernels need it: on the device, float32 or float64, C-contiguous."""
        self.resident(name, a)
        if a.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} must be float32 or float64, got {a.dtype}")
        return self.xp.ascontiguousarray(a)

    def resident(self, name: str, a: Array) -> None:
        """Raise unless ``a`` is an array on the current device."""
        if not isinstance(a, self.xp.ndarray):
            raise TypeError(f"{name} must be a CuPy array (backend.asarray makes one), got {type(a).__name__}")
        current = self.xp.cuda.Device().id
        if a.device.id != current:
            raise ValueError(
                f"{name} lies on CUDA device {a.device.id}, but device {current} is the current one: work inside "
                f"`with cupy.cuda.Device({a.device.id}):`, or copy it with cupy.asarray there"
            )


def _convolution_sizes(x_shape, kernel_size, stride, padding, dilation):
    """The integers that im2col and col2im take, in the order of their signatures."""
    sizes = zip(x_shape[1:3], kernel_size, stride, padding, dilation)
    outputs = (output_size(*numbers) for numbers in sizes)
    return (*x_shape, *outputs, *kernel_size, *stride, *padding, *dilation)


def usable_cupy() -> Any:
    """The cupy module, once it has computed something; BackendNotAvailableError says what stands in its way."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise BackendNotAvailableError(f"CuPy is installed but broken: {error}. Reinstall it: {INSTALL}") from error
        raise BackendNotAvailableError(f"CuPy is not installed: {INSTALL}") from error
    except ImportError as error:
        if "libcuda" in str(error) or "nvcuda" in str(error):
            raise BackendNotAvailableError(_no_driver(error)) from error
        raise BackendNotAvailableError(
            f"CuPy is installed but cannot be imported: {error}. Its CUDA version may not be this machine's: {INSTALL}"
        ) from error

    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if "NoDevice" not in str(error):
            raise BackendNotAvailableError(_no_driver(error)) from error
        devices = 0
    if devices == 0:
        raise BackendNotAvailableError(
            "no CUDA device was found: nvidia-smi lists those of this machine, and the variable "
            "CUDA_VISIBLE_DEVICES hides those that it does not name"
        )
    _compute_something(cupy)
    return cupy


def _no_driver(error):
    return (
        "the NVIDIA driver is missing or too old for the installed CuPy: install or update it, see "
        f"https://www.nvidia.com/drivers, or take an older CuPy ({INSTALL}). CUDA says: {error}"
    )


@functools.cache
def _compute_something(cupy):
    """Try each thing that is needed once, with a known result: a device that is listed may still be unusable."""
    for what, trial, remedy in (
        ("a copy to the CUDA device and back", _copy, "nvidia-smi shows what else uses its memory"),
        ("a kernel compiled by NVRTC", _kernel, f"where that library is missing, {INSTALL}, brings it"),
        ("a matrix product by cuBLAS", _product, f"where that library is missing, {INSTALL}, brings it"),
    ):
        try:
            right = trial(cupy)
        except Exception as error:  # of many kinds: no memory, no library, an architecture too old or too new, ...
            raise BackendNotAvailableError(
                f"the CUDA device cannot be used: {what} fails with {type(error).__name__}: {error}; {remedy}"
            ) from error
        if not right:
            raise BackendNotAvailableError(f"the CUDA device computes wrongly: {what} has a wrong result")


def _copy(cupy):
    return cupy.asnumpy(cupy.asarray(np.arange(3))).tolist() == [0, 1, 2]


def _kernel(cupy):
    x, y = cupy.asarray(np.array([-1, 2], np.float32)), cupy.zeros(2, np.float32)
    kernels.bind_flat(cupy, "activations.cu", "relu", "float32", 2, (x, y, np.int64(2)))()
    return cupy.asnumpy(y).tolist() == [0, 2]


def _product(cupy):
    ones = cupy.ones((2, 2), np.float32)
    return cupy.asnumpy(ones @ ones).tolist() == [[2, 2], [2, 2]]
