"""Fused kernels and the captured step on a real device; tests/backend runs the same ones on the CPU."""

import fused_checks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minicnn.training.step import GradientStep

import minicnn as mc
from minicnn import backend as backends
from minicnn.errors import BackendNotAvailableError, DeviceMemoryError
from minicnn.training import fit
from minicnn.training.graph_step import GraphStep

try:
    DEVICE = backends.get("cupy")
except BackendNotAvailableError as error:
    pytest.skip(f"no GPU: {error}", allow_module_level=True)

quick = settings(max_examples=40, deadline=None)
dtypes = st.sampled_from(("float32", "float64"))


def check(cases, dtype):
    """Each case agrees with the reference and, run again, gives the same bits."""
    for case in cases:
        for first, second in zip(case.check(DEVICE, dtype), case.run(DEVICE, dtype)):
            np.testing.assert_array_equal(first, second, err_msg=f"{case.name}: threads race")


@quick
@given(layer=fused_checks.convolutions(), dtype=dtypes)
def test_convolution_on_the_gpu(layer, dtype):
    check(fused_checks.convolution_cases(DEVICE, *layer), dtype)


@quick
@given(layer=fused_checks.dense_layers(), dtype=dtypes)
def test_dense_on_the_gpu(layer, dtype):
    check(fused_checks.dense_cases(DEVICE, *layer), dtype)


@quick
@given(layer=fused_checks.subsamplings(), dtype=dtypes)
def test_subsampling_on_the_gpu(layer, dtype):
    check(fused_checks.subsampling_cases(DEVICE, *layer), dtype)


@quick
@given(outputs=fused_checks.criteria(), dtype=dtypes)
def test_criteria_on_the_gpu(outputs, dtype):
    check(fused_checks.criterion_cases(DEVICE, *outputs), dtype)


@quick
@given(batch=fused_checks.gathers(), dtype=dtypes)
def test_gather_on_the_gpu(batch, dtype):
    check(fused_checks.gather_cases(DEVICE, *batch), dtype)


@quick
@given(update=fused_checks.updates, dtype=dtypes)
def test_update_on_the_gpu(update, dtype):
    check(fused_checks.update_cases(DEVICE, *update), dtype)


@pytest.mark.parametrize("batch", [64, 1024])
@pytest.mark.parametrize("shape, maps, table", [
    ((1, 32, 32), 6, False), ((6, 14, 14), 16, True), ((16, 5, 5), 120, False),
])  # fmt: skip
def test_lenet5_convolutions_on_the_gpu(shape, maps, table, batch):
    geometry = (5, 5), (1, 1), (0, 0)
    cases = fused_checks.convolution_cases(DEVICE, (*shape, batch), maps, geometry, table, fused_checks.SQUASH, 1)
    check(cases, "float32")


# ------------------------------------------------------------------------------------------------ whole steps


def a_hundred_steps(backend, capture=True):
    """LeNet-5's weights after 100 steps of 64 digits, float32, from seed 0."""
    train, _ = mc.data.load_sample()
    net = mc.models.lenet5(rng=0, backend=backend)
    optimizer = mc.optim.SGD(net.parameters(), 0.005, momentum=0.9)
    batches = [*mc.data.batch_indices(len(train), 64, 0)][:50] * 2
    if backend == "numpy":
        with GradientStep(net, mc.losses.MAPLoss(), train) as step:
            for indices in batches:
                step(indices)
                optimizer.step()
    else:
        with GraphStep(net, mc.losses.MAPLoss(), optimizer, train, 64, capture=capture) as step:
            assert (step.graph is not None) == capture
            for half in (batches[:50], batches[50:]):
                step.epoch(half, [0.005] * 50)
    return net.backend.to_numpy(net.vector.values).copy()


def test_a_hundred_captured_steps_end_where_numpys_do():
    """In float32 two orders of addition on a CPU end 2e-6 apart (norm of the difference over the norm), and so do
    float32 and float64; ten times that leaves room for the GPU's tanh and fused multiply-adds."""
    expected, trained = a_hundred_steps("numpy"), a_hundred_steps(DEVICE)
    assert np.linalg.norm(trained - expected) <= 2e-5 * np.linalg.norm(expected)


def test_equal_seeds_give_equal_bits_captured_or_launched():
    captured = a_hundred_steps(DEVICE)
    np.testing.assert_array_equal(captured, a_hundred_steps(DEVICE))
    np.testing.assert_array_equal(captured, a_hundred_steps(DEVICE, capture=False))


@pytest.mark.parametrize("make, loss", [
    (mc.models.lenet5, mc.losses.RBFLoss), (mc.models.lenet5, lambda: mc.losses.MAPLoss(2.0)),
    (mc.models.lenet_modern, mc.losses.CrossEntropyLoss),
])  # fmt: skip
def test_fit_gives_numpys_history_on_the_gpu(make, loss):
    digits = [part.subset(slice(203)) for part in mc.data.load_sample()]  # three batches of 64 and a short one
    histories, states = [], []
    for backend in ("numpy", DEVICE):
        net = make(rng=0, dtype="float64", backend=backend)
        optimizer = mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)
        history = fit(net, loss(), optimizer, *digits, epochs=2, progress=False)
        histories.append([[r[k] for k in ("train_loss", "train_error", "test_loss", "test_error")] for r in history])
        states.append(net.state_dict())
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-9)
    for name, value in states[0].items():
        np.testing.assert_allclose(states[1][name], value, rtol=1e-8, atol=1e-11, err_msg=name)


# -------------------------------------------------------------------------------------------------- bad input


def test_too_little_memory_on_the_gpu():
    with pytest.raises(DeviceMemoryError, match=r"out of memory: .* bytes.*Take a smaller batch"):
        DEVICE.empty((2**20, 2**20), np.float32)
    assert int(DEVICE.asarray(np.ones(3)).sum()) == 3  # the process stays usable


@pytest.mark.skipif(DEVICE.xp.cuda.runtime.getDeviceCount() < 2, reason="needs two GPUs")
def test_arrays_on_another_gpu_are_refused():
    with DEVICE.xp.cuda.Device(1):
        x = DEVICE.asarray(np.ones((1, 4, 4, 2), "float32"))
    with pytest.raises(ValueError, match="x lies on CUDA device 1"):
        DEVICE.window_sum(x, (2, 2), (2, 2))
