"""The loops' own tanh."""

import numpy as np
import pytest

from minicnn import sources

sources.kernels()
from minicnn.kernels.cpu import squash  # noqa: E402 (a package once sources has found it)


@pytest.mark.parametrize("amplitude, slope", [(1.0, 1.0), (1.7159, 2 / 3)])
def test_in_float32_it_is_within_a_few_units_in_the_last_place(amplitude, slope):
    x = np.concatenate([np.linspace(-20, 20, 400_001), [1e-30, -1e-30, 0, 1e30, -1e30]]).astype("float32")
    y = np.empty_like(x)
    squash.scaled_tanh(np.float32, amplitude, slope)(x, y)
    exact = amplitude * np.tanh(slope * x.astype("float64"))
    assert (np.abs(y - exact) <= 4 * np.finfo("float32").eps * np.abs(exact)).all()
    assert np.abs(y).max() <= np.float32(amplitude) * (1 + np.finfo("float32").eps)


def test_on_a_gpu_it_is_the_same_function(device):
    """kernels/cuda/squash.cuh has the coefficients once more, and may round a quotient by two units."""
    from minicnn.compiled.cuda import CudaForm

    amplitude, slope = 1.7159, 2 / 3
    x = np.concatenate([np.linspace(-20, 20, 40_001), [1e-30, -1e-30, 0, 1e30, -1e30]]).astype("float32")
    y = device.asarray(np.empty_like(x).reshape(-1, 1))
    CudaForm(device, "float32").prepare("activation", device.asarray(x.reshape(-1, 1)), ("tanh", amplitude, slope), y)()
    exact = amplitude * np.tanh(slope * x.astype("float64"))
    got = device.to_numpy(y).reshape(-1)
    assert (np.abs(got - exact) <= 6 * np.finfo("float32").eps * np.abs(exact)).all()
    ours = np.empty_like(x)
    squash.scaled_tanh(np.float32, amplitude, slope)(x, ours)
    np.testing.assert_allclose(got, ours, rtol=4 * np.finfo("float32").eps, atol=0)


def test_in_float64_it_is_the_librarys():
    x = np.linspace(-20, 20, 10_001)
    y = np.empty_like(x)
    squash.scaled_tanh(np.float64, 1.0, 1.0)(x, y)
    np.testing.assert_allclose(y, np.tanh(x), rtol=1e-15)


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_what_is_not_a_number_stays_none_and_infinity_is_squashed(real):
    x, y = np.array([np.nan, np.inf, -np.inf], real), np.empty(3, real)
    squash.scaled_tanh(real, 1.0, 1.0)(x, y)
    assert np.isnan(y[0])
    np.testing.assert_allclose(y[1:], [1, -1], rtol=1e-6)
