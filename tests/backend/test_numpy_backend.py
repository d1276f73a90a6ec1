"""The primitives that a NumPy backend takes from the reference, against their formulas; and which backend one gets."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from primitive_checks import contents, dtypes, geometries, outputs, seeds

import minicnn as mc
from minicnn.backend import NumpyBackend

NUMPY = NumpyBackend()

few = settings(max_examples=30, deadline=None)


@few
@given(geometry=geometries(), dtype=dtypes, seed=seeds)
def test_im2col_is_what_its_docstring_says(geometry, dtype, seed):
    """cols[(c, ky, kx), (h, w, n)] = x[c, h·sh + ky·dh - ph, w·sw + kx·dw - pw, n], zero outside."""
    x_shape, (kh, kw), (sh, sw), (ph, pw), (dh, dw) = geometry
    channels, height, width, batch = x_shape
    h_out, w_out = outputs(geometry)
    x = contents(np.random.default_rng(seed), x_shape, dtype)
    x.flags.writeable = False
    cols = NUMPY.im2col(x, *geometry[1:])
    assert cols.shape == (channels * kh * kw, h_out * w_out * batch) and cols.dtype == dtype
    cols = cols.reshape(channels, kh, kw, h_out, w_out, batch)
    for c, ky, kx, h, w in itertools.product(*map(range, cols.shape[:5])):
        row, column = h * sh + ky * dh - ph, w * sw + kx * dw - pw
        inside = 0 <= row < height and 0 <= column < width
        np.testing.assert_array_equal(cols[c, ky, kx, h, w], x[c, row, column] if inside else np.zeros(batch))


def dot(a, b):
    return float((a * b).sum())


@few
@given(geometry=geometries(), seed=seeds)
def test_col2im_is_the_adjoint_of_im2col(geometry, seed):
    """<im2col(x), c> = <x, col2im(c)> for all x and c."""
    x_shape, *rest = geometry
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape)
    cols = NUMPY.im2col(x, *rest)
    other = rng.standard_normal(cols.shape)
    dx = NUMPY.col2im(other, x_shape, *rest)
    assert dx.shape == x_shape
    assert dot(cols, other) == pytest.approx(dot(x, dx), rel=1e-10, abs=1e-10)


def test_windows_lie_side_by_side_and_unpadded_unless_told_otherwise():
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    cols = NUMPY.im2col(x, (2, 2))
    assert cols.T.tolist() == [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]
    assert NUMPY.col2im(np.ones_like(cols), x.shape, (2, 2)).ravel().tolist() == [1, 2, 1, 2, 4, 2, 1, 2, 1]


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[:, :, ::-1], lambda x: x.transpose(3, 2, 1, 0)])
def test_arrays_that_are_not_contiguous(view):
    x = view(np.random.default_rng(3).standard_normal((4, 6, 5, 3)))
    geometry = (2, 3), (1, 1), (1, 1)
    cols = NUMPY.im2col(x, *geometry)
    np.testing.assert_array_equal(cols, NUMPY.im2col(x.copy(), *geometry))
    reversed_ = cols[:, ::-1]
    np.testing.assert_array_equal(
        NUMPY.col2im(reversed_, x.shape, *geometry), NUMPY.col2im(reversed_.copy(), x.shape, *geometry)
    )


def test_every_result_is_an_array_of_its_own():
    x = np.ones((1, 3, 3, 1))
    cols = NUMPY.im2col(x, (1, 1))
    cols += 1
    assert (x == 1).all()
    dx = NUMPY.col2im(cols, x.shape, (1, 1))
    dx += 1
    assert (cols == 2).all()


def test_a_backend_travels_by_name():
    assert type(pickle.loads(pickle.dumps(NUMPY))) is NumpyBackend
    assert NUMPY.to_numpy(x := np.ones(3)) is x and NUMPY.asarray(x) is x
    NUMPY.synchronize()


def test_the_environment_chooses_the_backend(monkeypatch):
    monkeypatch.setenv("MINICNN_BACKEND", "numpy")
    assert mc.backend.get().name == "numpy" and mc.backend.get().reason == "asked for"
    monkeypatch.setenv("MINICNN_BACKEND", "abacus")
    with pytest.raises(ValueError, match=r"backend must be one of numpy, cupy, auto .*, got 'abacus'"):
        mc.backend.get()
    assert mc.backend.get(NUMPY) is NUMPY
