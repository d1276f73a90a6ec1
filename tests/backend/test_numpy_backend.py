"""The reference primitives against their formulas, and NumpyBackend's cheaper forms against the reference."""

import itertools

import numpy as np
import primitive_checks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from primitive_checks import REFERENCE, dtypes, geometries, seeds

import minicnn as mc
from minicnn.backend import NumpyBackend, output_size

NUMPY = NumpyBackend()

few = settings(max_examples=30, deadline=None)

both = pytest.mark.parametrize("backend", [REFERENCE, NUMPY], ids=["reference", "numpy"])


def outputs(geometry):
    """(H_out, W_out)"""
    x_shape, size, stride, padding = geometry
    return tuple(output_size(x_shape[1 + i], size[i], stride[i], padding[i]) for i in (0, 1))


# --------------------------------------------------------------------------- the reference, by its own formulas


@few
@given(geometry=geometries(padded=True), seed=seeds)
def test_im2col_is_what_its_docstring_says(geometry, seed):
    """cols[h, (ky, c, kx), (w, n)] = x[c, h·sh + ky - ph, w·sw + kx - pw, n], zero outside."""
    x_shape, (kh, kw), (sh, sw), (ph, pw) = geometry
    channels, height, width, batch = x_shape
    h_out, w_out = outputs(geometry)
    x = np.random.default_rng(seed).standard_normal(x_shape)
    cols = REFERENCE.im2col(x, *geometry[1:]).reshape(h_out, kh, channels, kw, w_out, batch)
    for h, ky, c, kx, w in itertools.product(*map(range, cols.shape[:5])):
        row, column = h * sh + ky - ph, w * sw + kx - pw
        inside = 0 <= row < height and 0 <= column < width
        np.testing.assert_array_equal(cols[h, ky, c, kx, w], x[c, row, column] if inside else np.zeros(batch))


def windows(x, size, stride):
    """(index of the output, pixels (C, size, size, N)) of every window."""
    for h, w in itertools.product(*map(range, outputs((x.shape, size, stride, (0, 0))))):
        top, left = h * stride[0], w * stride[1]
        yield (slice(None), h, w), x[:, top : top + size[0], left : left + size[1]]


@few
@given(geometry=geometries(padded=False), seed=seeds)
def test_pooling_is_what_its_docstrings_say(geometry, seed):
    x_shape, size, stride, _ = geometry
    x = primitive_checks.contents(np.random.default_rng(seed), x_shape, "float64")
    sums = REFERENCE.window_sum(x, size, stride)
    y, winner = REFERENCE.max_pool(x, size, stride)
    for index, pixels in windows(x, size, stride):
        flat = pixels.reshape(len(x), -1, x_shape[3])
        np.testing.assert_allclose(sums[index], flat.sum(axis=1), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(y[index], flat.max(axis=1))
        np.testing.assert_array_equal(winner[index], flat.argmax(axis=1))  # argmax, too, takes the first


# ------------------------------------------------------------------------------------------------- adjoints


def dot(a, b):
    return float((a * b).sum())


@both
@few
@given(geometry=geometries(padded=True), seed=seeds)
def test_col2im_is_the_adjoint_of_im2col(backend, geometry, seed):
    x_shape, *rest = geometry
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape)
    cols = backend.im2col(x, *rest)
    other = rng.standard_normal(cols.shape)
    assert dot(cols, other) == pytest.approx(dot(x, backend.col2im(other, x_shape, *rest)), rel=1e-10, abs=1e-10)


@both
@few
@given(geometry=geometries(padded=False), seed=seeds)
def test_pooling_backwards_is_the_adjoint_of_pooling(backend, geometry, seed):
    x_shape, size, stride, _ = geometry
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape)
    sums = backend.window_sum(x, size, stride)
    dy = rng.standard_normal(sums.shape)
    spread = backend.window_spread(dy, x_shape, size, stride)
    assert dot(sums, dy) == pytest.approx(dot(x, spread), rel=1e-10, abs=1e-10)
    y, winner = backend.max_pool(x, size, stride)
    dx = backend.max_pool_backward(dy, winner, x_shape, size, stride)
    assert dot(y, dy) == pytest.approx(dot(x, dx), rel=1e-10, abs=1e-10)  # y is linear in x while winners stay


# ------------------------------------------------------------------------- NumpyBackend against the reference


@pytest.mark.parametrize("primitive", ["im2col", "col2im"])
@few
@given(geometry=geometries(padded=True), dtype=dtypes, seed=seeds)
def test_convolution_primitives_agree_with_the_reference(primitive, geometry, dtype, seed):
    primitive_checks.check(NUMPY, primitive, geometry, dtype, seed)


@pytest.mark.parametrize("primitive", ["window_sum", "window_spread", "max_pool", "max_pool_backward"])
@few
@given(geometry=geometries(padded=False), dtype=dtypes, seed=seeds)
def test_pooling_primitives_agree_with_the_reference(primitive, geometry, dtype, seed):
    primitive_checks.check(NUMPY, primitive, geometry, dtype, seed)


@pytest.mark.parametrize("primitive", primitive_checks.PRIMITIVES)
@pytest.mark.parametrize("geometry", [
    ((1, 32, 32, 8), (5, 5), (1, 1), (0, 0)),  # LeNet-5's C1
    ((3, 5, 5, 4), (5, 5), (1, 1), (0, 0)),  # one window covers the image, as in C5
    ((3, 5, 4, 1), (5, 4), (1, 1), (0, 0)),
    ((3, 5, 5, 4), (5, 5), (2, 3), (0, 0)),
    ((6, 28, 28, 4), (2, 2), (2, 2), (0, 0)),  # S2
    ((2, 5, 7, 3), (2, 2), (2, 2), (0, 0)),  # a rest at the border
    ((2, 5, 5, 1), (3, 3), (5, 5), (0, 0)),  # pixels that no window contains
    ((2, 7, 7, 2), (1, 1), (1, 1), (0, 0)),
])  # fmt: skip
def test_particular_sizes(primitive, geometry):
    primitive_checks.check(NUMPY, primitive, geometry, "float32", 1)


@few
@given(geometry=geometries(padded=True), unit_stride=st.booleans(), maps=st.integers(1, 4), dtype=dtypes, seed=seeds)
def test_the_input_gradient_of_a_convolution(geometry, unit_stride, maps, dtype, seed):
    x_shape, size, stride, padding = geometry
    stride = (1, 1) if unit_stride else stride
    rng = np.random.default_rng(seed)
    h_out, w_out = outputs((x_shape, size, stride, padding))
    weights = primitive_checks.contents(rng, (maps, size[0] * x_shape[0] * size[1]), dtype)
    dy = primitive_checks.contents(rng, (h_out, maps, w_out * x_shape[3]), dtype)
    arguments = weights, dy, x_shape, size, stride, padding
    dx, expected = NUMPY.conv_input_gradient(*arguments), REFERENCE.conv_input_gradient(*arguments)
    assert dx.shape == x_shape and dx.dtype == dtype
    tolerance = primitive_checks.TOLERANCE[dtype]
    np.testing.assert_allclose(dx, expected, rtol=tolerance, atol=100 * tolerance)


def real(rng, *shape):
    return rng.standard_normal(shape)


SUMS = {  # name: (shapes of the arguments, shape of out) for a count, two sizes and a length
    "sum_of_products": lambda h, m, k, n: (((h, m, n), (h, k, n)), (m, k)),
    "outer_products": lambda h, m, k, n: (((m, n), (k, n)), (m, k)),
    "map_sums": lambda h, m, k, n: (((m, h, k, n),), (m,)),
    "map_products": lambda h, m, k, n: (((m, h, k, n), (m, h, k, n)), (m,)),
}


@pytest.mark.parametrize("name", SUMS)
@few
@given(h=st.integers(1, 4), m=st.integers(1, 20), k=st.integers(1, 90), n=st.integers(1, 9), dtype=dtypes, seed=seeds)
def test_sums_agree_with_the_reference(name, h, m, k, n, dtype, seed):
    shapes, out_shape = SUMS[name](h, m, k, n)
    rng = np.random.default_rng(seed)
    arguments = [real(rng, *shape).astype(dtype) for shape in shapes]
    for argument in arguments:
        argument.flags.writeable = False
    results = []
    for backend in (NUMPY, REFERENCE):
        results.append(np.full(out_shape, np.nan, dtype))  # what out held must not matter
        getattr(backend, name)(*arguments, out=results[-1])
    tolerance = primitive_checks.TOLERANCE[dtype]
    np.testing.assert_allclose(*results, rtol=10 * tolerance, atol=200 * tolerance)
    if name == "sum_of_products":
        np.testing.assert_allclose(results[0], np.einsum("hmn,hkn->mk", *arguments), rtol=1e-3, atol=1e-3)


@few
@given(classes=st.integers(1, 5), features=st.integers(1, 9), batch=st.integers(1, 5), dtype=dtypes, seed=seeds)
def test_squared_distances(classes, features, batch, dtype, seed):
    rng = np.random.default_rng(seed)
    x, prototypes = real(rng, features, batch).astype(dtype), real(rng, classes, features).astype(dtype)
    expected = ((x - prototypes[:, :, None]) ** 2).sum(axis=1)
    for backend in (NUMPY, REFERENCE):
        y = backend.squared_distances(x, prototypes)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=primitive_checks.TOLERANCE[dtype])


@both
@few
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), dtype=dtypes, seed=seeds)
def test_squashing(backend, shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = (3 * real(rng, *shape).astype(dtype) for _ in range(2))
    y, dx = np.full_like(x, np.nan), np.full_like(x, np.nan)
    backend.scaled_tanh(x, 1.7159, 2 / 3, out=y)
    backend.scaled_tanh_backward(dy, y, 1.7159, 2 / 3, out=dx)
    tolerance = 10 * primitive_checks.TOLERANCE[dtype]
    np.testing.assert_allclose(y, 1.7159 * np.tanh(2 / 3 * x), rtol=tolerance)
    np.testing.assert_allclose(dx, 1.7159 * 2 / 3 / np.cosh(2 / 3 * x) ** 2 * dy, rtol=100 * tolerance, atol=tolerance)


# ------------------------------------------------------------------------------------- arrays and workspaces


def test_the_receptive_fields_cannot_be_written_to():
    """Neighbouring matrices share memory: writing to one would change the next."""
    cols = NUMPY.im2col(np.ones((1, 5, 5, 2)), (3, 3), (1, 1), (0, 0))
    with pytest.raises(ValueError, match="read-only"):
        cols[0, 0, 0] = 5


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[:, :, ::-1], lambda x: x.transpose(3, 2, 1, 0)])
def test_arrays_that_are_not_contiguous(view):
    x = view(np.random.default_rng(3).standard_normal((4, 6, 5, 3)))
    for name, arguments in (
        ("im2col", ((2, 3), (1, 1), (1, 1))),
        ("im2col", ((2, 3), (1, 1), (0, 0))),
        ("im2col", (x.shape[1:3], (1, 1), (0, 0))),
        ("window_sum", ((2, 2), (2, 2))),
        ("max_pool", ((2, 2), (1, 1))),
    ):
        primitive_checks.agree(NUMPY, name, (x, *arguments))


def test_axes_of_length_one_may_have_any_stride():
    rng = np.random.default_rng(0)
    for a in (
        rng.standard_normal((4, 5))[None, :, :, None],
        np.broadcast_to(rng.standard_normal((1, 1, 6, 3)), (1, 4, 6, 3)),
        rng.standard_normal((3, 4, 5, 2))[:, :, :, :1],
        rng.standard_normal((2, 1, 5, 3))[:, ::2],
    ):
        for name, how in (("im2col", ((1, 2), (1, 1), (0, 0))), ("im2col", ((3, 2), (1, 2), (1, 1)))):
            primitive_checks.agree(NumpyBackend(), name, (a, *how))
        primitive_checks.agree(NumpyBackend(), "window_sum", (a, (1, 2), (1, 2)))


def test_nan_is_the_largest():
    x = np.random.default_rng(4).standard_normal((2, 6, 6, 3))
    x[0, 1, 1], x[1, 0, 0, 0], x[1, 5, 5] = np.nan, np.nan, np.nan
    y, winner = NUMPY.max_pool(x, (2, 2), (2, 2))
    assert np.isnan(y[0, 0, 0]).all() and (winner[0, 0, 0] == 3).all()
    assert np.isnan(y[1, 0, 0, 0]) and winner[1, 0, 0, 0] == 0 and np.isnan(y).sum() == 7


def test_buffers_are_reused_inside_the_block_alone():
    backend = NumpyBackend()
    outside = backend.empty((3,), "float32")
    with backend.reuse_buffers() as workspace:
        first, second = backend.empty((3,), "float32"), backend.empty((3,), "float32")
        assert first is not second and first is not outside
        workspace.rewind()
        assert backend.empty((3,), "float32") is first and backend.empty((4,), "float32") is not second
        workspace.rewind()
        assert backend.empty((3,), "float64").dtype == np.float64 and backend.empty((3,), "float32") is second
    assert backend.empty((3,), "float32") is not first


def test_the_environment_chooses_the_backend(monkeypatch):
    monkeypatch.setenv("MINICNN_BACKEND", "numpy")
    assert mc.backend.get().name == "numpy" and mc.backend.get().reason == "asked for"
    monkeypatch.setenv("MINICNN_BACKEND", "abacus")
    with pytest.raises(ValueError, match=r"backend must be one of numpy, cupy, auto .*, got 'abacus'"):
        mc.backend.get()
    assert mc.backend.get(NUMPY) is NUMPY
