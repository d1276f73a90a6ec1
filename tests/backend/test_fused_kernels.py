"""The kernels of a fused training step, run on the CPU in either order of threads, against the reference."""

import fused_checks
import numpy as np
import pytest
from device_stand_in import Order
from fused_checks import REFERENCE, SQUASH, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn.backend import kernels
from minicnn.backend.cupy_fused import slices

quick = settings(max_examples=25, deadline=None)
dtypes = st.sampled_from(("float32", "float64"))


def check(device, cases, dtype):
    """Each case agrees with the reference, and gives the same bits whichever thread runs first."""
    for case in cases:
        ascending = case.check(device, dtype)
        Order.descending = True
        try:
            descending = case.run(device, dtype)
        finally:
            Order.descending = False
        for a, b in zip(ascending, descending):
            np.testing.assert_array_equal(a, b, err_msg=f"{case.name}: threads race")


@quick
@given(layer=fused_checks.convolutions(), dtype=dtypes)
def test_convolution(device, layer, dtype):
    check(device, fused_checks.convolution_cases(device, *layer), dtype)


@quick
@given(layer=fused_checks.dense_layers(), dtype=dtypes)
def test_dense(device, layer, dtype):
    check(device, fused_checks.dense_cases(device, *layer), dtype)


@quick
@given(layer=fused_checks.subsamplings(), dtype=dtypes)
def test_subsampling(device, layer, dtype):
    check(device, fused_checks.subsampling_cases(device, *layer), dtype)


@quick
@given(outputs=fused_checks.criteria(), dtype=dtypes)
def test_criteria(device, outputs, dtype):
    check(device, fused_checks.criterion_cases(device, *outputs), dtype)


@quick
@given(batch=fused_checks.gathers(), dtype=dtypes)
def test_gather(device, batch, dtype):
    check(device, fused_checks.gather_cases(device, *batch), dtype)


@quick
@given(update=fused_checks.updates, dtype=dtypes)
def test_update(device, update, dtype):
    check(device, fused_checks.update_cases(device, *update), dtype)


LENET5 = {
    "C1": ((1, 32, 32), 6, (5, 5), False),
    "C3": ((6, 14, 14), 16, (5, 5), True),
    "C5": ((16, 5, 5), 120, (5, 5), False),
}


@pytest.mark.parametrize("layer", LENET5)
@pytest.mark.parametrize("batch", [1, 65])
def test_lenet5_convolutions(device, layer, batch):
    shape, maps, kernel, table = LENET5[layer]
    geometry = kernel, (1, 1), (0, 0)
    cases = list(fused_checks.convolution_cases(device, (*shape, batch), maps, geometry, table, SQUASH, 1))
    check(device, cases if layer != "C1" else [cases[0], cases[2]], "float32")  # the first layer has no input gradient


def test_large_outputs_do_not_overflow(device):
    for j in (None, 2.0, float("inf")):
        for case in fused_checks.criterion_cases(device, 84, 10, 33, j, 3, factor=1e3):
            assert all(np.isfinite(result).all() for result in case.check(device, "float64"))


def test_nan_spreads_to_the_loss(device):
    for case in fused_checks.criterion_cases(device, 4, 3, 2, float("inf"), 3):
        case.arguments[0][0, 1] = np.nan
        losses = case.run(device, "float32")[1]
        assert np.isnan(losses[2, 0])


def test_every_number_of_slices_gives_the_product(device, monkeypatch):
    assert {slices(6, 25, 50176), slices(16, 150, 6400), slices(120, 400, 64)} == {1, 4, 8}
    for count in (1, 2, 4, 8):
        monkeypatch.setattr("minicnn.backend.cupy_fused.slices", lambda *sizes, n=count: n)
        check(device, fused_checks.dense_cases(device, 300, 9, 40, SQUASH, 1), "float32")


def test_sums_that_are_split_add_up(device):
    geometry = (3, 3), (1, 1), (0, 0)
    *_, case = fused_checks.convolution_cases(device, (2, 20, 20, 8), 3, geometry, False, None, 0)
    assert case.name == "weight_gradient"
    (split,) = case.run(device, "float64")
    whole = np.full((1, *split.shape[1:]), np.nan)
    (expected,) = Case(case.name, [*case.arguments[:3], whole], {3}).run(device, "float64")
    assert len(split) > 1
    np.testing.assert_allclose(split.sum(axis=0), expected[0], rtol=1e-12)


# -------------------------------------------------------------------------------------------------- errors


def test_what_a_kernel_cannot_take_is_refused_by_name(device):
    x, y, w = (device.asarray(np.ones(shape, "float32")) for shape in ((3, 4), (2, 4), 6))
    with pytest.raises(TypeError, match="weights must be float32, got float64"):
        device.dense(x, w.astype("float64"), None, None, y)
    with pytest.raises(TypeError, match="x must be float32 or float64, got int32"):
        device.dense(x.astype("int32"), w, None, None, y)
    with pytest.raises(TypeError, match="out must be a CuPy array"):
        device.dense(x, w, None, None, np.ones((2, 4), "float32"))
    with pytest.raises(ValueError, match="out must be C-contiguous"):
        device.dense(x, w, None, None, y.T)
    with pytest.raises(TypeError, match="step must be int32, got int64"):
        device.sgd_update(w, w * 1, w * 1, w * 1, False, device.asarray(np.zeros(1, "int64")))


def test_launches_that_cuda_has_no_room_for_are_refused(device, monkeypatch):
    with pytest.raises(ValueError, match=r"rbf_criterion: a block needs 52,224 bytes of shared .* has 49,152"):
        next(fused_checks.criterion_cases(device, 2, 200, 1, None, 0)).run(device, "float32")
    monkeypatch.setattr(kernels, "MAX_BLOCKS_DOWN", 3)
    with pytest.raises(ValueError, match=r"dense: a grid of \(1, 5\) blocks is too large for CUDA; take a smaller"):
        next(fused_checks.dense_cases(device, 4, 33, 2, None, 1)).run(device, "float32")
    monkeypatch.setattr(kernels, "MAX_AXIS", 8)
    with pytest.raises(ValueError, match="weight_gradient: 2 rows of 9 elements are too large"):
        *_, case = fused_checks.convolution_cases(device, (1, 3, 3, 1), 2, ((1, 1), (1, 1), (0, 0)), False, None, 0)
        case.run(device, "float32")


def test_the_reference_itself_agrees_with_plain_arithmetic():
    """Two numbers by hand, so that kernel and reference cannot be wrong together."""
    x, out = np.array([[1.0], [2.0]]), np.empty((1, 1))
    REFERENCE.dense(x, np.array([3.0, 4.0]), np.array([5.0]), None, out)
    assert out[0, 0] == 16
    REFERENCE.dense(x / 100, np.array([3.0, 4.0]), np.array([0.5]), (2.0, 3.0), out)
    assert out[0, 0] == pytest.approx(2 * np.tanh(3 * 0.61))
