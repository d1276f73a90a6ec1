"""Whole training steps of fused primitives: against the layers on NumPy, and on the device as a captured graph."""

import contextlib
import math

import device_stand_in
import fused_checks
import numpy as np
import pytest
from minicnn.training.step import GradientStep

import minicnn as mc
from minicnn.errors import DivergedError
from minicnn.training import fit
from minicnn.training.fused import FusedStep, obstacle
from minicnn.training.graph_step import DeviceData, GraphStep, graph_obstacle
from minicnn.training.stepping import step_maker

SAMPLES = 11


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(SAMPLES)), test.subset(slice(5))


def mixed(rng=0, dtype="float32", backend="numpy"):
    """What the two models leave out: strides, padding, a table, no bias, ordinary layers, a squash that stays alone."""
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = mc.Sequential([
        mc.Conv2d(1, 4, (5, 4), stride=(3, 2), padding=1, **how), mc.ScaledTanh(), mc.Subsampling(4, 2, **how),
        mc.ScaledTanh(), mc.MaxPool2d(2, stride=1),
        mc.Conv2d(4, 3, 2, bias=False, connections=[[0, 1], [2], [1, 3]], **how), mc.ReLU(), mc.AvgPool2d(2, stride=1),
        mc.Flatten(), mc.Linear(3 * 2 * 5, 12, bias=False, **how), mc.ScaledTanh(),
        mc.Linear(12, 10, **how), mc.Sigmoid(), mc.Linear(10, 10, **how), mc.Tanh(),
    ], preprocess=mc.data.LENET5_1998)  # fmt: skip
    return net.to(backend)


CASES = {
    "lenet5, softmax": (mc.models.lenet5, mc.losses.MAPLoss),
    "lenet5, equation 9, sum": (mc.models.lenet5, lambda: mc.losses.MAPLoss(2.0, reduction="sum")),
    "lenet5, equation 8": (mc.models.lenet5, mc.losses.RBFLoss),
    "modern": (mc.models.lenet_modern, mc.losses.CrossEntropyLoss),
    "mixed": (mixed, lambda: mc.losses.CrossEntropyLoss(reduction="sum")),
}
every_case = pytest.mark.parametrize("make, loss", CASES.values(), ids=CASES)
SGD = {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True}
RATES = [1e-3, 5e-4, 2e-3, 1e-3]


def assert_same(state, expected, rtol):
    assert list(state) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(state[name], value, rtol=rtol, atol=rtol, err_msg=name)


@every_case
def test_the_fused_step_computes_what_the_layers_do(digits, make, loss):
    """In plain array code, so that a kernel's reference is known to be the layer."""
    train, net, criterion = digits[0], make(rng=0, dtype="float64"), loss()
    with GradientStep(net, criterion, train) as step:
        expected = step(np.arange(3, 10))
    gradient = net.vector.grads.copy()
    net.vector.grads[...] = np.nan
    data = DeviceData(net.backend, train, 7, 1, np.float64)
    data.order[...] = np.roll(np.arange(SAMPLES), -3)
    fused = FusedStep(net, criterion, 7, train.images.shape[1:])
    fused.gather(data)
    fused.forward_backward(data)
    assert (data.losses[0, 0], data.errors[0, 0]) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(net.vector.grads, gradient, rtol=1e-9, atol=1e-12)


def on_numpy(train, make, loss, dtype, batch_size):
    net = make(rng=0, dtype=dtype)
    optimizer = mc.optim.SGD(net.parameters(), 1, **SGD)
    results = []
    with GradientStep(net, loss(), train) as step:
        for indices, optimizer.lr in zip(mc.data.batch_indices(len(train), batch_size, 0), RATES):
            results.append(step(indices))
            optimizer.step()
    return results, net.state_dict()


def on_device(device, train, make, loss, dtype, batch_size, capture=True):
    net = make(rng=0, dtype=dtype, backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1, **SGD)
    batches = list(mc.data.batch_indices(len(train), batch_size, 0))
    with GraphStep(net, loss(), optimizer, train, batch_size, capture=capture) as step:
        results = step.epoch(batches, RATES[: len(batches)])
        launches = step.graph.launches if capture else None
        full = sum(len(indices) == batch_size for indices in batches)
        assert launches == (full if capture else None)
    return results, net.state_dict()


@every_case
def test_a_captured_epoch_trains_as_numpy_does(device, digits, make, loss):
    """Four samples a step, then a short batch of three, launched."""
    expected, state = on_numpy(digits[0], make, loss, "float64", 4)
    results, trained = on_device(device, digits[0], make, loss, "float64", 4)
    np.testing.assert_allclose(results, expected, rtol=1e-10)
    assert_same(trained, state, 1e-9)


def test_float32_stays_close_and_repeats_itself(device, digits):
    expected, state = on_numpy(digits[0], *CASES["lenet5, softmax"], "float32", 4)
    results, trained = on_device(device, digits[0], *CASES["lenet5, softmax"], "float32", 4)
    np.testing.assert_allclose(results, expected, rtol=1e-5)
    assert_same(trained, state, 2e-5)
    again, launched = on_device(device, digits[0], *CASES["lenet5, softmax"], "float32", 4, capture=False)
    assert again == results
    for name in trained:
        np.testing.assert_array_equal(launched[name], trained[name], err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 65])
def test_batches_of_1_and_65(device, batch_size):
    train = mc.data.load_sample()[0].subset(slice(batch_size + 1))
    expected, state = on_numpy(train, *CASES["lenet5, softmax"], "float32", batch_size)
    results, trained = on_device(device, train, *CASES["lenet5, softmax"], "float32", batch_size)
    np.testing.assert_allclose(results, expected, rtol=1e-5)
    assert_same(trained, state, 2e-5)


def test_a_step_is_nineteen_kernels(device, digits):
    """As many as tests/benchmarks/gpu.py reports: every one costs its start."""
    net = mc.models.lenet5(rng=0, backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1e-3)
    with GraphStep(net, mc.losses.MAPLoss(), optimizer, digits[0], 11) as step:
        assert len(step.graph.nodes) == 19


def test_preparing_leaves_the_network_as_it_was(device, digits):
    net = mc.models.lenet5(rng=0, backend=device)
    before = net.state_dict()
    optimizer = mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)
    with GraphStep(net, mc.losses.MAPLoss(), optimizer, digits[0], 4):
        assert_same(net.state_dict(), before, 0)
        assert not device.to_numpy(optimizer.velocities[0]).any()


# ------------------------------------------------------------------------------------------------------ fit


def trained(device, digits, make=mixed, loss=mc.losses.CrossEntropyLoss, epochs=2, rate=1e-3, **how):
    net = make(rng=0, dtype="float64", backend=device)
    optimizer = mc.optim.SGD(net.parameters(), rate, momentum=0.9)
    how = {"batch_size": 4, "schedule": mc.optim.schedules.Cosine(rate, 2), "progress": False, **how}
    history = fit(net, loss(), optimizer, *digits, epochs=epochs, **how)
    return net.state_dict(), history, optimizer


def test_fit_takes_the_graph_and_gives_numpys_history(device, digits):
    state, history, optimizer = trained("numpy", digits)
    del device.xp.launched[:]
    device_state, device_history, device_optimizer = trained(device, digits)
    assert "gather" in device.xp.launched
    assert_same(device_state, state, 1e-9)
    for record, expected in zip(device_history, history, strict=True):
        times = ("seconds", "images_per_second")
        assert [k for k in record] == [k for k in expected]
        assert {k: v for k, v in record.items() if k not in times} == pytest.approx(
            {k: v for k, v in expected.items() if k not in times}, rel=1e-9
        )
    assert device_optimizer.lr == optimizer.lr


def test_resuming_on_the_device_is_bit_equal(device, digits, tmp_path):
    whole, _, _ = trained(device, digits)
    trained(device, digits, epochs=1, checkpoint=tmp_path / "half.npz")
    resumed, _, _ = trained(device, digits, resume=tmp_path / "half.npz")
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def test_divergence_names_epoch_and_batch(device, digits):
    net = mc.models.lenet_modern(rng=0, backend=device)
    with np.errstate(all="ignore"), pytest.raises(DivergedError, match=r"loss is (nan|inf) in epoch 1, batch [23]"):
        fit(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 1e38), digits[0], epochs=2, batch_size=4,
            progress=False)  # fmt: skip


def test_the_epoch_stops_when_asked(device, digits):
    net = mixed(backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1e-3)
    batches = list(mc.data.batch_indices(SAMPLES, 4, 0))
    asked = iter([False, True])
    with GraphStep(net, mc.losses.CrossEntropyLoss(), optimizer, digits[0], 4) as step:
        assert len(step.epoch(batches, RATES[:3], lambda: next(asked))) == 1


def test_new_images_for_an_epoch(device, digits):
    """With ``augment`` the images change and the graph does not."""
    def upside_down(images, rng, backend):
        return images[:, ::-1].copy()

    state, _, _ = trained("numpy", digits, augment=upside_down, epochs=1)
    device_state, _, _ = trained(device, digits, augment=upside_down, epochs=1)
    assert_same(device_state, state, 1e-9)


# --------------------------------------------------------------------------------- where there is no graph


def test_a_step_that_cannot_be_captured_is_launched(device, digits, monkeypatch):
    """As where a layer asks for cuBLAS, which CuPy refuses during a capture."""
    plain = mc.Sigmoid.forward

    def with_cublas(self, x):
        self.backend.xp.matmul(x.T, x)
        return plain(self, x)

    state, _, _ = trained(device, digits)
    monkeypatch.setattr(mc.Sigmoid, "forward", with_cublas)
    with pytest.warns(RuntimeWarning, match=r"could not be captured.*launched one by one: calling cuBLAS API"):
        launched, _, _ = trained(device, digits)
    for name in state:
        np.testing.assert_array_equal(launched[name], state[name], err_msg=name)


def test_a_copy_to_the_host_breaks_a_capture(device, digits, monkeypatch):
    plain = mc.Sigmoid.forward
    monkeypatch.setattr(mc.Sigmoid, "forward", lambda self, x: plain(self, x + 0 * float(x[0, 0])))
    with pytest.warns(RuntimeWarning, match="not permitted when stream is capturing"):
        trained(device, digits)


class Own(mc.ReLU):
    """A layer of somebody's own."""


@pytest.mark.parametrize("change, reason", [
    ({"backend": "numpy"}, "the numpy backend has no graphs"),
    ({"loss": mc.losses.MSELoss}, "MSELoss has no kernel"),
    ({"make": lambda **how: mc.models.lenet5(**how)}, "CrossEntropyLoss after an RBF layer has no kernel"),
    ({"optimizer": lambda net: mc.optim.StochasticDiagonalLM(net.parameters(), 1e-3)}, "StochasticDiagonalLM has no"),
    ({"optimizer": lambda net: mc.optim.SGD(net[0].parameters(), 1e-3)}, "does not train the whole network"),
    ({"layer": Own()}, "Own is not one of minicnn's layers"),
    ({"preprocess": lambda images, dtype: images}, "preprocess is not one of minicnn.data"),
])  # fmt: skip
def test_what_has_no_graph_says_so_and_trains_otherwise(device, digits, change, reason):
    net = change.get("make", mixed)(rng=0, backend=change.get("backend", device))
    if "layer" in change:
        net.layers.append(change["layer"].to(device))
        net.layers[-1].name = "Own"
    if "preprocess" in change:
        net.preprocess = change["preprocess"]
    loss = change.get("loss", mc.losses.CrossEntropyLoss)()
    optimizer = change.get("optimizer", lambda net: mc.optim.SGD(net.parameters(), 1e-3))(net)
    assert reason in graph_obstacle(net, loss, optimizer)
    assert isinstance(step_maker(net, loss, optimizer, digits[0], 4), GradientStep)
    with pytest.raises(ValueError, match="cannot be captured in a graph"):
        GraphStep(net, loss, optimizer, digits[0], 4)


def test_a_criterion_without_a_network_to_fit(device):
    net = mc.Sequential([mc.Conv2d(1, 2, 3)], preprocess=mc.data.UNIT)
    assert obstacle(net, mc.losses.CrossEntropyLoss()) is None
    with pytest.raises(ValueError, match=r"outputs must have shape \(classes, N\), got \(2, 26, 26, 4\)"):
        FusedStep(net, mc.losses.CrossEntropyLoss(), 4, (28, 28))


# ------------------------------------------------------------------------------------------------ bad input


@contextlib.contextmanager
def graph_step(device, dataset, batch_size=4):
    net = mixed(backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1e-3)
    with GraphStep(net, mc.losses.CrossEntropyLoss(), optimizer, dataset, batch_size) as step:
        yield step


def test_labels_without_an_output(device, digits):
    wrong = mc.data.Dataset(digits[0].images, np.full(SAMPLES, 10))
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.9, got 10"), graph_step(device, wrong):
        raise AssertionError("not reached")
    trained(device, digits, epochs=1)  # the device is as usable as before


@pytest.mark.parametrize("batches, message", [
    ([[0, 1, 2, 11]], "at most 11 indices from 0 to 10"),
    ([[0, 1, 2, -1]], "at most 11 indices from 0 to 10"),
    ([[0, 1], [2, 3, 4, 5]], "must have 4 indices, the last one 3"),
    ([[0, 1]], "must have 4 indices, the last one 3"),
])  # fmt: skip
def test_impossible_batches(device, digits, batches, message):
    with graph_step(device, digits[0]) as step, pytest.raises(ValueError, match=message):
        step.epoch([np.array(indices) for indices in batches], [1e-3] * len(batches))


def test_new_images_of_another_shape(device, digits):
    with graph_step(device, digits[0]) as step, pytest.raises(ValueError, match=r"images must be uint8 \(11, 28, 28\)"):
        step.use_images(np.zeros((11, 27, 28), np.uint8))


def test_no_memory_says_how_much_was_asked_for(device, digits):
    for limit in (20_000, 100_000, 200_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(device_stand_in.Memory, "used", 0)
            patch.setattr(device_stand_in.Memory, "limit", limit)
            with pytest.raises(mc.errors.DeviceMemoryError, match=r"out of memory.*[\d,]+ bytes.*--batch-size"):
                trained(device, digits, epochs=1)
        assert device.xp.cuda.get_current_stream().is_null and device.workspace is None
    _, history, _ = trained(device, digits, epochs=1)  # the process stays usable
    assert math.isfinite(history[0]["train_loss"])


def test_the_checks_use_the_same_squashing_function():
    assert fused_checks.SQUASH == (mc.ScaledTanh.A, mc.ScaledTanh.S)
