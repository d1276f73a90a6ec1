"""The real CupyBackend and the real kernels/*.cu, run on the CPU by device_stand_in."""

import builtins
import pickle
import sys

import device_stand_in
import numpy as np
import primitive_checks
import pytest
from hypothesis import given, settings
from primitive_checks import dtypes, geometries, seeds

from minicnn import backend as backends
from minicnn.backend import Backend, kernels
from minicnn.backend.cupy_backend import CupyBackend
from minicnn.errors import BackendNotAvailableError, DeviceMemoryError

quick = settings(max_examples=40, deadline=None)

# ---------------------------------------------------------------------------------------------- primitives


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
@quick
@given(geometry=geometries(), dtype=dtypes, seed=seeds)
def test_primitives_agree_with_the_reference(device, primitive, geometry, dtype, seed):
    primitive_checks.check(device, primitive, geometry, dtype, seed)


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
def test_every_primitive_runs_its_kernel(device, primitive):
    launched = device.xp.launched
    del launched[:]
    primitive_checks.check(device, primitive, ((2, 6, 7, 3), (3, 2), (2, 1), (0, 0)), "float32", 0)
    assert launched == [primitive]


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
@pytest.mark.parametrize("geometry", [
    ((1, 32, 32, 64), (5, 5), (1, 1), (0, 0)),  # LeNet-5's C1
    ((3, 5, 5, 1), (5, 5), (1, 1), (0, 0)),  # one window, one sample
    ((2, 3, 400, 2), (2, 2), (2, 2), (0, 0)),  # more columns than threads in a block
    ((2, 5, 5, 1), (3, 3), (5, 5), (0, 0)),  # pixels that no window contains
    ((2, 9, 8, 3), (3, 2), (1, 2), (2, 1), (2, 3)),  # pixels between those of a window
])  # fmt: skip
def test_particular_sizes(device, primitive, geometry):
    primitive_checks.check(device, primitive, geometry, "float32", 1)


def test_rows_beyond_the_largest_grid(device, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_BLOCKS_DOWN", 2)
    for primitive in primitive_checks.PRIMITIVES:
        primitive_checks.check(device, primitive, ((9, 11, 3, 2), (2, 2), (1, 1), (0, 0)), "float64", 2)


def test_arrays_that_are_not_contiguous(device):
    rng = np.random.default_rng(3)
    x = device.asarray(rng.standard_normal((4, 6, 5, 3)).astype("float32"))
    for view in (x[::2], x[:, :, ::-1], x.transpose(3, 2, 1, 0)):
        host = device.to_numpy(view)
        cols = device.im2col(view, (3, 3), (1, 1), (1, 1))
        np.testing.assert_array_equal(
            device.to_numpy(cols), primitive_checks.REFERENCE.im2col(host, (3, 3), (1, 1), (1, 1))
        )


def test_col2im_is_the_adjoint_of_im2col(device):
    rng = np.random.default_rng(5)
    x, geometry = rng.standard_normal((3, 7, 6, 2)), ((3, 2), (2, 1), (1, 2))
    cols = device.im2col(device.asarray(x), *geometry)
    other = device.asarray(rng.standard_normal(cols.shape))
    dx = device.col2im(other, x.shape, *geometry)
    assert float((cols * other).sum()) == pytest.approx(float((device.asarray(x) * dx).sum()), rel=1e-12)


def test_arrays_travel(device):
    a = np.arange(6, dtype="float64").reshape(2, 3)
    assert isinstance(device.asarray(a), device_stand_in.DeviceArray)
    assert device.asarray(a, dtype="float32").dtype == np.float32
    np.testing.assert_array_equal(device.to_numpy(device.asarray(a)), a)
    device.synchronize()


def test_pickles_by_name(device):
    assert device.name == "cupy"
    assert type(pickle.loads(pickle.dumps(device))) is CupyBackend
    assert backends.get("cupy").name == backends.get("auto").name == "cupy"


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("dtype", ["int32", "float16", "bool"])
def test_other_dtypes_are_refused_by_name(device, dtype):
    x = device.asarray(np.ones((1, 4, 4, 2), dtype))
    with pytest.raises(TypeError, match=f"x must be float32 or float64, got {dtype}"):
        device.im2col(x, (2, 2), (1, 1), (0, 0))
    with pytest.raises(TypeError, match=f"cols must be float32 or float64, got {dtype}"):
        device.col2im(x, (1, 4, 4, 2), (2, 2), (1, 1), (0, 0))


def test_columns_of_another_size_are_refused(device):
    """The kernel would read what is not theirs."""
    with pytest.raises(ValueError, match="reshape"):
        device.col2im(device.asarray(np.ones((4, 17), "float32")), (1, 4, 4, 2), (2, 2))


def test_numpy_arrays_are_refused(device):
    with pytest.raises(TypeError, match=r"x must be a CuPy array .*got ndarray"):
        device.im2col(np.ones((1, 4, 4, 2), "float32"), (2, 2), (1, 1), (0, 0))


def test_too_many_rows_are_refused(device, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_AXIS", 4)
    with pytest.raises(ValueError, match="im2col: 1 rows of 6 elements are too large"):
        device.im2col(device.asarray(np.ones((1, 1, 3, 2), "float32")), (1, 1))


def test_a_kernel_that_does_not_compile_shows_the_log(device, monkeypatch):
    monkeypatch.setattr(kernels, "source", lambda file: 'extern "C" __global__ void f(int a) { undeclared = a; }')
    with pytest.raises(RuntimeError, match=r"kernels/cuda/broken.cu does not compile[^\0]*undeclared"):
        kernels.compiled(device.xp, "broken.cu", "float32")


def test_arrays_on_another_device_are_refused(device):
    x = device.asarray(np.ones((1, 4, 4, 2), "float32"))
    with device_stand_in.Device(1):
        with pytest.raises(ValueError, match=r"x lies on CUDA device 0, but device 1 is the current one: work inside"):
            device.im2col(x, (2, 2))
        there = device.asarray(np.ones((4, 18), "float32"))
    with pytest.raises(ValueError, match="cols lies on CUDA device 1, but device 0 is the current one"):
        device.col2im(there, x.shape, (2, 2))
    device.im2col(x, (2, 2))


def zeros_in_the_block(device):
    with device.memory_errors():
        return device.xp.zeros((1000, 1000), np.float32)


@pytest.mark.parametrize("ask", [
    lambda device: device.im2col(device.asarray(np.ones((1, 103, 103, 1), np.float32)), (4, 25), (1, 1), (0, 12)),
    lambda device: device.asarray(np.ones((1000, 1000), np.float32)),
    zeros_in_the_block,
])  # fmt: skip
def test_too_little_memory_says_how_much_was_asked_for(device, monkeypatch, ask):
    monkeypatch.setattr(device_stand_in.Memory, "used", 0)
    monkeypatch.setattr(device_stand_in.Memory, "limit", 1_000_000)
    with pytest.raises(DeviceMemoryError, match=r"out of memory: .*4,\d\d\d,000 bytes.*smaller batch \(--batch"):
        ask(device)
    np.testing.assert_array_equal(device.to_numpy(device.asarray(np.ones(3))), 1)  # the process stays usable


def import_cupy_raises(monkeypatch, error):
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name == "cupy":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize("error, message", [
    (ModuleNotFoundError("No module named 'cupy'", name="cupy"), r'is not installed: pip install -e "\S+\[cuda12\]"'),
    (ModuleNotFoundError("No module named 'fastrlock'", name="fastrlock"), "broken: No module named 'fastrlock'"),
    (ImportError("libcuda.so.1: cannot open shared object file"), "driver is missing.*libcuda.so.1"),
    (ImportError("libcublas.so.12: cannot open shared object file"), "cannot be imported: libcublas.so.12"),
])  # fmt: skip
def test_a_failed_import_says_what_is_missing(monkeypatch, error, message):
    import_cupy_raises(monkeypatch, error)
    with pytest.raises(BackendNotAvailableError, match=message):
        CupyBackend()


@pytest.mark.parametrize("error, message", [
    ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "driver is missing or too old.*nvidia.com"),
    ("cudaErrorNoDevice: no CUDA-capable device is detected", "no CUDA device was found.*CUDA_VISIBLE_DEVICES"),
])  # fmt: skip
def test_driver_and_device(monkeypatch, error, message):
    cupy = device_stand_in.FakeCupy()

    def count():
        raise device_stand_in.CUDARuntimeError(error)

    cupy.cuda.runtime.getDeviceCount = count
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(BackendNotAvailableError, match=message):
        CupyBackend()


def test_no_device(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", device_stand_in.FakeCupy(devices=0))
    with pytest.raises(BackendNotAvailableError, match="no CUDA device was found"):
        CupyBackend()
    assert backends.get("auto").name == "numpy"


def refusing(error):
    def refuse(*args, **kwargs):
        raise error

    return refuse


def no_nvrtc(cupy):
    cupy.RawModule = refusing(RuntimeError("Failed to find the shared library libnvrtc.so.13"))


def no_cublas(cupy):
    cupy.ones = lambda shape, dtype: NoProducts()


class NoProducts:
    def __matmul__(self, other):
        raise ImportError("libcublas.so.13: cannot open shared object file")


def no_memory(cupy):
    cupy.asarray = refusing(device_stand_in.OutOfMemoryError(512, 0))


@pytest.mark.parametrize("break_it, message", [
    (no_nvrtc, r"a kernel compiled by NVRTC fails with RuntimeError: .*libnvrtc.*; .*pip install .*\[cuda13"),
    (no_cublas, r"a matrix product by cuBLAS fails with ImportError: libcublas.*; .*pip install .*\[cuda13"),
    (no_memory, "a copy to the CUDA device and back fails with OutOfMemoryError: .*512 bytes.*; nvidia-smi shows"),
])  # fmt: skip
def test_a_device_that_does_not_compute_says_what_helps(monkeypatch, break_it, message):
    cupy = device_stand_in.FakeCupy()
    break_it(cupy)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(BackendNotAvailableError, match=f"cannot be used: {message}") as caught:
        CupyBackend()
    backend = backends.get("auto")
    assert (backend.name, backend.reason) == ("numpy", str(caught.value))  # all of it, on one line


def test_a_device_that_computes_wrongly(monkeypatch):
    cupy = device_stand_in.FakeCupy()
    cupy.ones = cupy.zeros
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(BackendNotAvailableError, match="computes wrongly: a matrix product by cuBLAS has a wrong"):
        CupyBackend()


# -------------------------------------------------------------------------------------------------- sources


def test_includes_are_inlined():
    text = kernels.source("im2col.cu")
    assert "#include" not in text and "typedef REAL real;" in text


def test_every_overridden_primitive_is_one_of_the_reference():
    own = {name for name in vars(CupyBackend) if not name.startswith("_")}
    not_primitives = {"name", "out_of_memory", "memory_error", "memory_errors", "device_errors", "resident"}
    assert own - not_primitives <= set(dir(Backend))
