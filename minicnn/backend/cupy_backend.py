"""CuPy on an NVIDIA GPU: array code as everywhere, and handwritten kernels for the primitives."""

import functools
from contextlib import contextmanager

import numpy as np

from minicnn.backend import kernels
from minicnn.backend.base import Backend, output_size
from minicnn.backend.cupy_fused import FusedKernels
from minicnn.errors import BackendNotAvailableError, DeviceMemoryError

INSTALL = 'pip install "minicnn[cuda12]" or "minicnn[cuda13]", for the CUDA version that nvidia-smi shows'


class CupyBackend(FusedKernels, Backend):
    """Overrides the primitives of ``Backend``, which says what they compute, with kernels/*.cu.

    Raises BackendNotAvailableError where CuPy, the NVIDIA driver or a device is missing.
    """

    name = "cupy"

    def __init__(self):
        super().__init__(usable_cupy())

    def asarray(self, a, dtype=None):
        try:
            return super().asarray(a, dtype)
        except self.out_of_memory as error:
            raise self.memory_error(error) from error

    def to_numpy(self, a):
        return self.xp.asnumpy(a)

    def synchronize(self):
        self.xp.cuda.Device().synchronize()

    def empty(self, shape, dtype):
        try:
            return super().empty(shape, dtype)
        except self.out_of_memory as error:
            raise self.memory_error(error) from error

    @contextmanager
    def reuse_buffers(self):
        try:
            with super().reuse_buffers() as workspace:
                yield workspace
        except self.out_of_memory as error:
            raise self.memory_error(error) from error

    @property
    def out_of_memory(self):
        """What CuPy raises where device memory does not suffice."""
        return self.xp.cuda.memory.OutOfMemoryError

    def memory_error(self, error):
        """A DeviceMemoryError in place of CuPy's; what CuPy's pool keeps for later is given back to the device."""
        self.xp.get_default_memory_pool().free_all_blocks()
        return DeviceMemoryError(
            f"the GPU is out of memory: {error} Take a smaller batch (--batch-size), float32 instead of float64, or "
            "end other programs that use it (nvidia-smi lists them)"
        )

    def im2col(self, x, kernel_size, stride, padding):
        x = self._real("x", x)
        sizes = _convolution_sizes(x.shape, kernel_size, stride, padding)
        channels, _, _, batch, h_out, w_out, kh, kw, *_ = sizes
        cols = self.empty((h_out, kh * channels * kw, w_out * batch), x.dtype)
        self._launch("im2col.cu", "im2col", cols, w_out * batch, (x, cols), sizes)
        return cols

    def col2im(self, cols, x_shape, kernel_size, stride, padding):
        cols = self._real("cols", cols)
        sizes = _convolution_sizes(x_shape, kernel_size, stride, padding)
        dx = self.empty(x_shape, cols.dtype)
        self._launch("col2im.cu", "col2im", dx, x_shape[2] * x_shape[3], (cols, dx), sizes)
        return dx

    def scaled_tanh(self, x, amplitude, slope, out):
        x = self._real("x", x)
        self._reals(x=x, out=out)
        arguments = (x, out, np.int64(out.size), float(amplitude), float(slope))
        kernels.launch_flat(self.xp, "squash.cu", "scaled_tanh", out, arguments)

    def scaled_tanh_backward(self, dy, y, amplitude, slope, out):
        dy, y = self._real("dy", dy), self._real("y", y)
        self._reals(dy=dy, y=y, out=out)
        arguments = (dy, y, out, np.int64(out.size), float(amplitude), float(slope))
        kernels.launch_flat(self.xp, "squash.cu", "scaled_tanh_backward", out, arguments)

    def window_sum(self, x, size, stride):
        x = self._real("x", x)
        y = self.empty(self._pooled_shape(x.shape, size, stride), x.dtype)
        sizes = _window_sizes(x.shape, y.shape, size, stride)
        self._launch("subsampling.cu", "window_sum", y, y.shape[2] * y.shape[3], (x, y), sizes)
        return y

    def window_spread(self, dy, x_shape, size, stride):
        dy = self._real("dy", dy)
        dx = self.empty(x_shape, dy.dtype)
        sizes = _window_sizes(x_shape, dy.shape, size, stride)
        self._launch("subsampling.cu", "window_spread", dx, x_shape[2] * x_shape[3], (dy, dx), sizes)
        return dx

    def max_pool(self, x, size, stride):
        x = self._real("x", x)
        y = self.empty(self._pooled_shape(x.shape, size, stride), x.dtype)
        winner = self.empty(y.shape, np.int32)
        sizes = _window_sizes(x.shape, y.shape, size, stride)
        self._launch("max_pooling.cu", "max_pool", y, y.shape[2] * y.shape[3], (x, y, winner), sizes)
        return y, winner

    def max_pool_backward(self, dy, winner, x_shape, size, stride):
        dy = self._real("dy", dy)
        if winner.dtype != np.int32 or winner.shape != dy.shape:
            raise TypeError(
                f"winner must be int32 with the shape of dy {dy.shape}, got {winner.dtype} {winner.shape}"
            )
        dx = self.empty(x_shape, dy.dtype)
        sizes = _window_sizes(x_shape, dy.shape, size, stride)
        arrays = (dy, self.xp.ascontiguousarray(winner), dx)
        self._launch("max_pooling.cu", "max_pool_backward", dx, x_shape[2] * x_shape[3], arrays, sizes)
        return dx

    def _real(self, name, a):
        """``a`` as the kernels need it: on the device, float32 or float64, C-contiguous."""
        self._resident(name, a)
        if a.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} must be float32 or float64, got {a.dtype}")
        return self.xp.ascontiguousarray(a)

    def _resident(self, name, a):
        """Raise unless ``a`` is an array on the current device."""
        if not isinstance(a, self.xp.ndarray):
            raise TypeError(f"{name} must be a CuPy array (backend.asarray makes one), got {type(a).__name__}")
        current = self.xp.cuda.Device().id
        if a.device.id != current:
            raise ValueError(
                f"{name} lies on CUDA device {a.device.id}, but device {current} is the current one: work inside "
                f"`with cupy.cuda.Device({a.device.id}):`, or copy it with cupy.asarray there"
            )

    def _launch(self, file, name, out, columns, arrays, integers):
        kernels.launch(self.xp, file, name, out, columns, (*arrays, *integers))


def _convolution_sizes(x_shape, kernel_size, stride, padding):
    """The integers that im2col and col2im take, in the order of their signatures."""
    (_, height, width, _), (kh, kw), (sh, sw), (ph, pw) = x_shape, kernel_size, stride, padding
    h_out, w_out = output_size(height, kh, sh, ph), output_size(width, kw, sw, pw)
    return (*x_shape, h_out, w_out, kh, kw, sh, sw, ph, pw)


def _window_sizes(x_shape, y_shape, size, stride):
    """The integers that the pooling kernels take, in the order of their signatures."""
    return (*x_shape, *y_shape[1:3], *size, *stride)


def usable_cupy():
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
    """Allocate, compile, launch and copy back once: a device that is listed may still be unusable."""
    try:
        computes = int((cupy.arange(3) + 1).sum()) == 6
    except Exception as error:  # of many kinds: no memory, no NVRTC, an architecture too old, ...
        raise BackendNotAvailableError(
            f"the CUDA device cannot be used: {type(error).__name__}: {error}. If a CUDA library is missing: "
            'pip install "cupy-cuda12x[ctk]" or "cupy-cuda13x[ctk]" brings it along'
        ) from error
    if not computes:
        raise BackendNotAvailableError("the CUDA device computes wrongly: 1 + 2 + 3 was not 6")
