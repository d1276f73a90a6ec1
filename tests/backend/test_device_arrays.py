"""Layers, losses and optimizers mix no NumPy arrays with device arrays, and compute what they do with NumPy."""

import copy
import operator

import numpy as np
import pytest

import minicnn as mc

# --------------------------------------------------------------------------- training steps on the stand-in


def lenet5(dtype):
    return mc.models.lenet5(rng=0, dtype=dtype), (1, 32, 32)


def modern(dtype):
    return mc.models.lenet_modern(rng=0, dtype=dtype), (1, 28, 28)


def everything(dtype):
    """One of each layer that the two models leave out, with strides, padding and overlapping windows."""
    how = {"rng": np.random.default_rng(0), "dtype": dtype}
    net = mc.Sequential([
        mc.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), **how), mc.ReLU(),
        mc.MaxPool2d(3, stride=2), mc.Conv2d(4, 3, 2, bias=False, connections=[[0, 1], [2], [1, 3]], **how), mc.Tanh(),
        mc.AvgPool2d(2, stride=1), mc.Subsampling(3, 1, **how), mc.Sigmoid(), mc.Flatten(),
        mc.Linear(3 * 1 * 4, 10, bias=False, **how),
    ])  # fmt: skip
    return net, (2, 15, 10)


LOSSES = {
    "cross-entropy": mc.losses.CrossEntropyLoss,
    "cross-entropy, sum": lambda: mc.losses.CrossEntropyLoss(reduction="sum"),
    "RBF": mc.losses.RBFLoss,
    "MAP": mc.losses.MAPLoss,
    "MAP, j = 2": lambda: mc.losses.MAPLoss(j=2.0),
    "MSE": mc.losses.MSELoss,
}

OPTIMIZERS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "Nesterov": {"momentum": 0.9, "nesterov": True},
    "weight decay": {"momentum": 0.5, "weight_decay": 0.1},
}


def train(make, backend, loss, optimizer, dtype="float64", steps=2, batch=5):
    """Losses and final parameters of a few steps, layer by layer."""
    net, shape = make(dtype)
    net.to(backend)
    criterion = LOSSES[loss]().to(backend)
    sgd = mc.optim.SGD(net.parameters(), lr=1e-3, **OPTIMIZERS[optimizer])
    rng = np.random.default_rng(1)
    losses = []
    for _ in range(steps):
        x = net.backend.asarray(rng.standard_normal((*shape, batch)).astype(dtype))
        target = rng.integers(0, 10, batch) if loss != "MSE" else rng.standard_normal((10, batch)).astype(dtype)
        outputs = net.forward(x)
        losses.append(criterion.forward(outputs, net.backend.asarray(target)))
        net.backward(criterion.backward())
        sgd.step()
    assert all(isinstance(value, float) for value in losses)
    return losses, net.state_dict()


def assert_same_training(device, make, loss, optimizer, dtype="float64", rtol=1e-10):
    losses, state = train(make, "numpy", loss, optimizer, dtype)
    device_losses, device_state = train(make, device, loss, optimizer, dtype)
    np.testing.assert_allclose(device_losses, losses, rtol=rtol)
    assert list(device_state) == list(state)
    for name, value in state.items():
        assert type(device_state[name]) is np.ndarray and device_state[name].dtype == dtype
        np.testing.assert_allclose(device_state[name], value, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("make", [lenet5, modern, everything])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_agrees_with_numpy_for_every_loss(device, make, loss):
    assert_same_training(device, make, loss, "momentum")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_agrees_with_numpy_for_every_optimizer(device, optimizer):
    assert_same_training(device, everything, "cross-entropy", optimizer)


@pytest.mark.parametrize("make", [lenet5, modern, everything])
def test_training_in_float32_stays_in_float32(device, make):
    assert_same_training(device, make, "MAP", "weight decay", dtype="float32", rtol=2e-4)


@pytest.mark.parametrize("make", [lenet5, modern, everything])
def test_training_runs_the_kernels(device, make):
    del device.xp.launched[:]
    train(make, device, "MAP", "plain", steps=1)
    assert set(device.xp.launched) == {"im2col", "col2im"}


@pytest.mark.parametrize("make", [lenet5, modern, everything])
def test_a_network_moves_there_and_back(device, make, tmp_path):
    net, shape = make("float32")
    x = np.random.default_rng(2).standard_normal((*shape, 3)).astype("float32")
    expected = net.forward(x)
    labels = net.predict(x)
    net.to(device)
    np.testing.assert_allclose(device.to_numpy(net.forward(device.asarray(x))), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(net.predict(x), labels)
    net.summary(shape)
    np.testing.assert_array_equal(copy.deepcopy(net).predict(x), labels)
    net.save(tmp_path / "net.npz")
    other, _ = make("float32")
    np.testing.assert_array_equal(other.load(tmp_path / "net.npz").predict(x), labels)
    np.testing.assert_array_equal(net.load(tmp_path / "net.npz").predict(x), labels)
    np.testing.assert_array_equal(net.to("numpy").forward(x), expected)


def test_forgetting_to_move_the_input_raises(device):
    net, shape = lenet5("float32")
    net.to(device)
    with pytest.raises(TypeError, match="CuPy array"):
        net.forward(np.zeros((*shape, 1), "float32"))


# ------------------------------------------------------------------------------- the stand-in keeps its word


OPERATORS = "add sub mul truediv floordiv mod pow matmul eq ne lt le gt ge".split()


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_refuse_numpy_arrays(fake_cupy, name):
    apply, host = getattr(operator, name), np.ones((2, 2))
    device = fake_cupy.asarray(host)
    for pair in ((device, host), (host, device)):
        with pytest.raises(TypeError):
            apply(*pair)
    np.testing.assert_array_equal(apply(device, device).get(), apply(host, host))


def test_scalars_mix(fake_cupy):
    a = fake_cupy.asarray(np.ones(3, "float32"))
    for b in (a * 2, 2.0 * a, np.float32(2) * a, a + True, a / a.sum() * 6):
        assert b.dtype == np.float32
        np.testing.assert_array_equal(b.get(), 2)


def test_implicit_conversions_are_refused(fake_cupy):
    host, a = np.ones(3), fake_cupy.asarray(np.ones(3))
    for mix in (
        lambda: np.asarray(a),
        lambda: np.add(host, a),
        lambda: np.add(a, a, out=host),
        lambda: np.concatenate([host, a]),
        lambda: operator.setitem(host, ..., a),
        lambda: operator.setitem(a, ..., host),
        lambda: a[np.array([0, 1])],
        lambda: operator.iadd(a, host),
        lambda: operator.iadd(host, a),
        lambda: fake_cupy.exp(host),
        lambda: fake_cupy.exp(a, out=host),
        lambda: fake_cupy.stack([a, host]),
        lambda: fake_cupy.where(a > 0, host, 0),
        lambda: np.testing.assert_array_equal(a, host),
    ):
        with pytest.raises(TypeError):
            mix()
    np.testing.assert_array_equal(a.get(), 1)
    np.testing.assert_array_equal(host, 1)


def test_views_share_memory_and_out_is_returned(fake_cupy):
    a = fake_cupy.asarray(np.arange(6.0).reshape(2, 3))
    row = a[1]
    row += 10
    a.T[0, 0] = -1
    np.testing.assert_array_equal(a.get(), [[-1, 1, 2], [13, 14, 15]])
    out = fake_cupy.empty(3)
    assert fake_cupy.add(a[0], a[1], out=out) is out
    np.testing.assert_array_equal(out.get(), [12, 15, 17])
    assert float(a.sum()) == 44 and isinstance(a.sum(), fake_cupy.ndarray)


def test_conversions_are_explicit_and_copy(fake_cupy):
    host = np.ones(3)
    a = fake_cupy.asarray(host)
    a += 1
    back = fake_cupy.asnumpy(a)
    a += 1
    np.testing.assert_array_equal((host, back, a.get()), [[1] * 3, [2] * 3, [3] * 3])


def test_the_stand_in_for_raw_modules_is_strict(fake_cupy):
    code = """
    extern "C" __global__ void f(const float* x, float* y, int n) {  // y (n), one too far
        for (int i = 0; i <= n; i++) y[i] = x[i];
    }
    extern "C" __global__ void g(float* y, long long n) { if (threadIdx.x < n) y[threadIdx.x] = blockIdx.y; }
    """
    module = fake_cupy.RawModule(code=code, options=("-O0",))
    module.compile()
    f, g = module.get_function("f"), module.get_function("g")
    x, y = fake_cupy.zeros(4, np.float32), fake_cupy.zeros(4, np.float32)
    g((1, 3), (32,), (y, np.int64(2)))
    np.testing.assert_array_equal(y.get(), [2, 2, 0, 0])
    with pytest.raises(AssertionError, match="f writes outside y"):
        f((1,), (1,), (x, y, np.int32(4)))
    f((1,), (1,), (x, y, np.int32(3)))
    with pytest.raises(TypeError, match="n is declared int, got int64"):
        f((1,), (1,), (x, y, np.int64(3)))
    with pytest.raises(TypeError, match=r"x is declared const float [*], got float64"):
        f((1,), (1,), (x.astype("float64"), y, np.int32(3)))
    with pytest.raises(AssertionError, match="takes 3 arguments"):
        f((1,), (1,), (x, y))
    with pytest.raises(AssertionError, match="not C-contiguous"):
        f((1,), (1,), (fake_cupy.zeros((2, 4), np.float32)[:, ::2], y, np.int32(3)))
    with pytest.raises(AssertionError, match="__restrict__"):
        f((1,), (1,), (x, x, np.int32(3)))
