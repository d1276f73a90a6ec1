"""Kernels of the compiled step and its captured graph on a real device; tests/compiled runs the same on the CPU."""

import cuda_cases
import numpy as np
import primitive_cases as table
import pytest
from primitive_cases import SQUASH, Window

import minicnn as mc
from minicnn import backend as backends
from minicnn.compiled.graph import GraphSteps
from minicnn.errors import BackendNotAvailableError, DeviceMemoryError
from minicnn.training import fit

try:
    DEVICE = backends.get("cupy")
except BackendNotAvailableError as error:
    pytest.skip(f"no GPU: {error}", allow_module_level=True)


def check(case, dtype):
    """The case agrees with the reference and, run again, gives the same bits."""
    got = cuda_cases.computed(DEVICE, case, dtype)
    cuda_cases.assert_agrees(got, cuda_cases.expected(case, dtype), case, dtype)
    for first, second in zip(got, cuda_cases.computed(DEVICE, case, dtype)):
        np.testing.assert_array_equal(first, second, err_msg=f"{case}: threads race")


@pytest.mark.parametrize("dtype", cuda_cases.TOLERANCE)
@pytest.mark.parametrize("case", cuda_cases.CASES)
def test_a_kernel_computes_its_primitive_on_the_gpu(case, dtype):
    check(case, dtype)


@pytest.mark.parametrize("dtype", cuda_cases.TOLERANCE)
@pytest.mark.parametrize("case", cuda_cases.tower_cases("float32")[0])
def test_a_tower_of_one_computes_its_primitive_on_the_gpu(case, dtype):
    got = cuda_cases.computed_in_a_tower(DEVICE, case, dtype)
    cuda_cases.assert_agrees(got, cuda_cases.expected(case, dtype), case, dtype)
    for first, second in zip(got, cuda_cases.computed_in_a_tower(DEVICE, case, dtype)):
        np.testing.assert_array_equal(first, second, err_msg=f"{case}: threads race")


LENET5 = {
    "C1": dict(maps=6, channels=1, height=32, width=32, window=Window((5, 5), (1, 1))),
    "C3": dict(maps=5, channels=3, height=14, width=14, window=Window((5, 5), (1, 1)), table=table.TABLE),
}


@pytest.mark.parametrize("samples", [64, 1024])
@pytest.mark.parametrize("layer", LENET5)
def test_whole_batches_on_the_gpu(layer, samples, monkeypatch):
    how = {**LENET5[layer], "samples": samples}
    for primitive, arguments in (
        ("convolution", table._convolution(how, SQUASH)),
        ("convolution_input_gradient", table._convolution_input_gradient(how, SQUASH)),
        ("convolution_weight_gradient", table._convolution_weight_gradient(how)),
        ("dense_weight_gradient", table._dense_weight_gradient((120, 400, samples))),
        ("rbf_criterion", table._rbf_criterion(84, 10, samples, SQUASH, 2.0, 7)),
    ):
        monkeypatch.setitem(cuda_cases.CASES, f"{primitive}: whole", (primitive, arguments))
        check(f"{primitive}: whole", "float32")


# ------------------------------------------------------------------------------------------------ whole steps


def a_hundred_steps(backend, capture=True):
    """LeNet-5's weights after 100 steps of 64 digits, float32, from seed 0."""
    train, _ = mc.data.load_sample()
    net, loss = mc.models.lenet5(rng=0, backend=backend), mc.losses.MAPLoss()
    optimizer = mc.optim.SGD(net.parameters(), 0.005, momentum=0.9)
    batches = [*mc.data.batch_indices(len(train), 64, 0)][:50]
    if backend == "numpy":
        for indices in 2 * batches:
            loss.forward(net.forward(net.input(train.images[indices])), train.labels[indices])
            net.backward(loss.backward())
            optimizer.step()
    else:
        with GraphSteps(net, loss, optimizer, train, 64, capture=capture) as steps:
            assert bool(steps.graphs) == capture
            for _ in range(2):
                list(steps.epoch(batches, [0.005] * 50))
    return net.backend.to_numpy(net.vector.values).copy()


def test_a_hundred_captured_steps_end_where_the_layers_on_numpy_do():
    """In float32 two orders of addition on a CPU end 2e-6 apart (norm of the difference over the norm), and so do
    float32 and float64; ten times that leaves room for the GPU's tanh and fused multiply-adds."""
    expected, trained = a_hundred_steps("numpy"), a_hundred_steps(DEVICE)
    assert np.linalg.norm(trained - expected) <= 2e-5 * np.linalg.norm(expected)


def test_equal_seeds_give_equal_bits_captured_or_launched():
    captured = a_hundred_steps(DEVICE)
    np.testing.assert_array_equal(captured, a_hundred_steps(DEVICE))
    np.testing.assert_array_equal(captured, a_hundred_steps(DEVICE, capture=False))


def sgd(net):
    return mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)


def diagonal(net):
    return mc.optim.StochasticDiagonalLM(net.parameters(), 1e-4, curvature_samples=50)


@pytest.mark.parametrize("make, loss, optimizer", [
    (mc.models.lenet5, mc.losses.RBFLoss, sgd), (mc.models.lenet5, lambda: mc.losses.MAPLoss(2.0), diagonal),
    (mc.models.lenet_modern, mc.losses.CrossEntropyLoss, sgd),
])  # fmt: skip
def test_fit_gives_numpys_history_on_the_gpu(make, loss, optimizer):
    digits = [part.subset(slice(203)) for part in mc.data.load_sample()]  # three batches of 64 and a short one
    histories, states = [], []
    for backend in ("numpy", DEVICE):
        net = make(rng=0, dtype="float64", backend=backend)
        history = fit(net, loss(), optimizer(net), *digits, epochs=2, progress=False)
        histories.append([[r[k] for k in ("train_loss", "train_error", "test_loss", "test_error")] for r in history])
        states.append(net.state_dict())
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-9)
    for name, value in states[0].items():
        np.testing.assert_allclose(states[1][name], value, rtol=1e-8, atol=1e-11, err_msg=name)


def test_an_evaluator_says_what_numpy_says_of_weights_that_change_on_the_gpu():
    digits, loss = mc.data.load_sample()[1].subset(slice(600)), mc.losses.MAPLoss(10)
    nets = [mc.models.lenet5(rng=seed, dtype="float64") for seed in (0, 1)]
    net, evaluator = mc.models.lenet5(rng=0, dtype="float64", backend=DEVICE), mc.training.Evaluator(digits, loss)
    for other in nets:
        net.load_state_dict(other.state_dict())
        result, expected = evaluator(net), mc.training.evaluate(other, digits, loss)
        np.testing.assert_array_equal(result.predictions, expected.predictions)
        np.testing.assert_array_equal(result.confusion, expected.confusion)
        assert result.loss == pytest.approx(expected.loss, rel=1e-10)


# -------------------------------------------------------------------------------------------------- bad input


def test_too_little_memory_on_the_gpu():
    with (
        pytest.raises(DeviceMemoryError, match=r"out of memory: .* bytes.*Take a smaller batch"),
        DEVICE.memory_errors(),
    ):
        DEVICE.xp.empty((2**20, 2**20), np.float32)
    assert int(DEVICE.asarray(np.ones(3)).sum()) == 3  # the process stays usable


@pytest.mark.skipif(DEVICE.xp.cuda.runtime.getDeviceCount() < 2, reason="needs two GPUs")
def test_arrays_on_another_gpu_are_refused():
    with DEVICE.xp.cuda.Device(1):
        x = DEVICE.asarray(np.ones((1, 4, 4, 2), "float32"))
    with pytest.raises(ValueError, match="x lies on CUDA device 1"):
        DEVICE.im2col(x, (2, 2))
