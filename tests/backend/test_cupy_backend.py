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
from minicnn.backend.cupy_fused import FusedKernels
from minicnn.errors import BackendNotAvailableError, DeviceMemoryError

quick = settings(max_examples=40, deadline=None)

# ---------------------------------------------------------------------------------------------- primitives


@pytest.mark.parametrize("primitive", ["im2col", "col2im"])
@quick
@given(geometry=geometries(padded=True), dtype=dtypes, seed=seeds)
def test_convolution_primitives_agree_with_the_reference(device, primitive, geometry, dtype, seed):
    primitive_checks.check(device, primitive, geometry, dtype, seed)


@pytest.mark.parametrize("primitive", ["window_sum", "window_spread", "max_pool", "max_pool_backward"])
@quick
@given(geometry=geometries(padded=False), dtype=dtypes, seed=seeds)
def test_pooling_primitives_agree_with_the_reference(device, primitive, geometry, dtype, seed):
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
])  # fmt: skip
def test_particular_sizes(device, primitive, geometry):
    primitive_checks.check(device, primitive, geometry, "float32", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(84, 65), (1, 1), (300, 3)])
def test_vector_primitives_agree_with_the_reference(device, shape, dtype):
    del device.xp.launched[:]
    primitive_checks.agree_on_vectors(device, shape, dtype, 1)
    assert device.xp.launched == ["squared_distances", "scaled_tanh", "scaled_tanh_backward"]


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
        y, winner = device.max_pool(view, (2, 2), (2, 2))
        y, winner = y[..., ::-1], winner[..., ::-1]
        dx = device.max_pool_backward(y, winner, view.shape, (2, 2), (2, 2))
        expected = primitive_checks.REFERENCE.max_pool_backward(
            device.to_numpy(y), device.to_numpy(winner), view.shape, (2, 2), (2, 2)
        )
        np.testing.assert_array_equal(device.to_numpy(dx), expected)


def test_nan_is_the_largest(device):
    x = np.random.default_rng(4).standard_normal((2, 6, 6, 3)).astype("float32")
    x[0, 1, 1], x[1, 0, 0, 0], x[1, 5, 5] = np.nan, np.nan, np.nan
    primitive_checks.agree(device, "max_pool", (x, (3, 3), (2, 2)))
    x[...] = -np.inf
    primitive_checks.agree(device, "max_pool", (x, (2, 2), (2, 2)))


def test_col2im_is_the_adjoint_of_im2col(device):
    rng = np.random.default_rng(5)
    x, geometry = rng.standard_normal((3, 7, 6, 2)), ((3, 2), (2, 1), (1, 2))
    cols = device.im2col(device.asarray(x), *geometry)
    other = device.asarray(rng.standard_normal(cols.shape))
    dx = device.col2im(other, x.shape, *geometry)
    assert float((cols * other).sum()) == pytest.approx(float((device.asarray(x) * dx).sum()), rel=1e-12)


def test_results_come_from_the_workspace(device):
    x = device.asarray(np.ones((1, 4, 4, 2), "float32"))
    first = device.window_sum(x, (2, 2), (2, 2))
    assert device.window_sum(x, (2, 2), (2, 2)) is not first
    with device.reuse_buffers() as workspace:
        first = device.window_sum(x, (2, 2), (2, 2))
        workspace.rewind()
        assert device.window_sum(x, (2, 2), (2, 2)) is first


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
    calls = {
        "x": [lambda: device.im2col(x, (2, 2), (1, 1), (0, 0)), lambda: device.window_sum(x, (2, 2), (2, 2)),
              lambda: device.max_pool(x, (2, 2), (2, 2))],
        "cols": [lambda: device.col2im(x, (1, 4, 4, 2), (2, 2), (1, 1), (0, 0))],
        "dy": [lambda: device.window_spread(x, (1, 4, 4, 2), (1, 1), (1, 1)),
               lambda: device.max_pool_backward(x, x, (1, 4, 4, 2), (1, 1), (1, 1))],
    }  # fmt: skip
    for name, functions in calls.items():
        for function in functions:
            with pytest.raises(TypeError, match=f"{name} must be float32 or float64, got {dtype}"):
                function()


def test_numpy_arrays_are_refused(device):
    with pytest.raises(TypeError, match=r"x must be a CuPy array .*got ndarray"):
        device.im2col(np.ones((1, 4, 4, 2), "float32"), (2, 2), (1, 1), (0, 0))


def test_winner_is_checked(device):
    dy = device.asarray(np.ones((1, 2, 2, 1), "float32"))
    with pytest.raises(TypeError, match="winner must be int32"):
        device.max_pool_backward(dy, dy, (1, 4, 4, 1), (2, 2), (2, 2))


def test_too_many_rows_are_refused(device, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_AXIS", 4)
    with pytest.raises(ValueError, match="window_sum: 1 rows of 6 elements are too large"):
        device.window_sum(device.asarray(np.ones((1, 1, 3, 2), "float32")), (1, 1), (1, 1))


def test_a_kernel_that_does_not_compile_shows_the_log(device, monkeypatch):
    monkeypatch.setattr(kernels, "source", lambda file: 'extern "C" __global__ void f(int a) { undeclared = a; }')
    with pytest.raises(RuntimeError, match=r"kernels/broken.cu does not compile[^\0]*undeclared"):
        kernels.compiled(device.xp, "broken.cu", "float32")


def test_arrays_on_another_device_are_refused(device):
    x = device.asarray(np.ones((1, 4, 4, 2), "float32"))
    with device_stand_in.Device(1):
        with pytest.raises(ValueError, match=r"x lies on CUDA device 0, but device 1 is the current one: work inside"):
            device.window_sum(x, (2, 2), (2, 2))
        there = device.asarray(np.ones(3, "float32"))
    with pytest.raises(ValueError, match="values lies on CUDA device 1, but device 0 is the current one"):
        device.sgd_update(there, there, there, there, False, there)
    device.window_sum(x, (2, 2), (2, 2))


@pytest.mark.parametrize("ask", [
    lambda device: device.empty((1000, 1000), np.float32),
    lambda device: device.asarray(np.ones((1000, 1000), np.float32)),
    lambda device: reused(device, lambda: device.xp.zeros((1000, 1000), np.float32)),
])  # fmt: skip
def test_too_little_memory_says_how_much_was_asked_for(device, monkeypatch, ask):
    monkeypatch.setattr(device_stand_in.Memory, "used", 0)
    monkeypatch.setattr(device_stand_in.Memory, "limit", 1_000_000)
    with pytest.raises(DeviceMemoryError, match=r"out of memory: .*4,000,000 bytes.*smaller batch \(--batch"):
        ask(device)
    assert device.workspace is None
    np.testing.assert_array_equal(device.to_numpy(device.asarray(np.ones(3))), 1)  # the process stays usable


def reused(device, function):
    with device.reuse_buffers():
        return function()


def import_cupy_raises(monkeypatch, error):
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name == "cupy":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize("error, message", [
    (ModuleNotFoundError("No module named 'cupy'", name="cupy"), r'CuPy is not installed: pip install "minicnn\[cuda'),
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


def test_a_device_that_does_not_compute(monkeypatch):
    cupy = device_stand_in.FakeCupy()

    def arange(n):
        raise RuntimeError("failed to load libnvrtc.so.12")

    cupy.arange = arange
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(BackendNotAvailableError, match=r"cannot be used: RuntimeError: .*libnvrtc.*\[ctk\]"):
        CupyBackend()


# -------------------------------------------------------------------------------------------------- sources


def test_includes_are_inlined():
    text = kernels.source("im2col.cu")
    assert "#include" not in text and "typedef REAL real;" in text


def test_every_overridden_primitive_is_one_of_the_reference():
    own = {name for part in (CupyBackend, FusedKernels) for name in vars(part) if not name.startswith("_")}
    assert own - {"name", "out_of_memory", "memory_error"} <= set(dir(Backend))
