"""CupyBackend on a real device. Skipped where there is none; tests/backend runs the same checks on the CPU."""

import pickle

import numpy as np
import primitive_checks
import pytest
from hypothesis import given, settings
from primitive_checks import dtypes, geometries, seeds

import minicnn as mc
from minicnn import backend as backends
from minicnn.errors import BackendNotAvailableError

try:
    DEVICE = backends.get("cupy")
except BackendNotAvailableError as error:
    pytest.skip(f"no GPU: {error}", allow_module_level=True)

quick = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
@quick
@given(geometry=geometries(), dtype=dtypes, seed=seeds)
def test_primitives_agree_with_the_reference_on_the_gpu(primitive, geometry, dtype, seed):
    primitive_checks.check(DEVICE, primitive, geometry, dtype, seed)


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
@pytest.mark.parametrize("geometry", [
    ((6, 32, 32, 256), (5, 5), (1, 1), (0, 0)),
    ((70_000, 2, 2, 1), (2, 2), (2, 2), (0, 0)),  # more rows than a grid has blocks
    ((2, 3, 400, 2), (2, 2), (2, 2), (0, 0)),
    ((2, 5, 5, 1), (3, 3), (5, 5), (0, 0)),
    ((2, 9, 8, 3), (3, 2), (1, 2), (2, 1), (2, 3)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_particular_sizes_on_the_gpu(primitive, geometry, dtype):
    primitive_checks.check(DEVICE, primitive, geometry, dtype, 1)


def test_pickles_by_name_on_the_gpu():
    assert pickle.loads(pickle.dumps(DEVICE)).name == backends.get("auto").name == "cupy"


@pytest.mark.parametrize("make, shape, loss", [
    (mc.models.lenet5, (1, 32, 32), mc.losses.RBFLoss),
    (mc.models.lenet5, (1, 32, 32), mc.losses.MAPLoss),
    (mc.models.lenet_modern, (1, 28, 28), mc.losses.CrossEntropyLoss),
])  # fmt: skip
def test_training_steps_agree_with_numpy(make, shape, loss):
    rng = np.random.default_rng(6)
    x, labels = rng.standard_normal((*shape, 8)), rng.integers(0, 10, 8)
    results = {}
    for name in ("numpy", "cupy"):
        net = make(rng=0, dtype="float64", backend=name)
        criterion = loss().to(net.backend)
        sgd = mc.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
        losses = []
        for _ in range(3):
            losses.append(criterion.forward(net.forward(net.backend.asarray(x)), labels))
            net.backward(criterion.backward())
            sgd.step()
        results[name] = losses, net.state_dict()
    (losses, state), (gpu_losses, gpu_state) = results.values()
    np.testing.assert_allclose(gpu_losses, losses, rtol=1e-10)
    for name in state:
        np.testing.assert_allclose(gpu_state[name], state[name], rtol=1e-8, atol=1e-12, err_msg=name)
