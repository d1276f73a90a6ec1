"""Every primitive of a backend against the reference in plain NumPy, over random sizes."""

import numpy as np
from hypothesis import strategies as st

from minicnn.backend import Backend, output_size

REFERENCE = Backend(np)

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}

PRIMITIVES = ("im2col", "col2im", "window_sum", "window_spread", "max_pool", "max_pool_backward")
"""Those that take a geometry; ``agree_on_vectors`` is for the others."""


@st.composite
def geometries(draw, padded):
    """(x_shape, window size, stride, padding) with at least one window in the padded image."""
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) if padded else (0, 0)
    pixels = [draw(st.integers(max(1, k - 2 * p), 11)) for k, p in zip(size, padding)]
    return (draw(st.integers(1, 4)), *pixels, draw(st.sampled_from((1, 2, 3, 65)))), size, stride, padding


dtypes = st.sampled_from(("float32", "float64"))
seeds = st.integers(0, 2**32 - 1)


def check(backend, primitive, geometry, dtype, seed):
    """Compare ``primitive`` on ``backend`` with the reference for random contents."""
    x_shape, size, stride, padding = geometry
    rng = np.random.default_rng(seed)
    h_out, w_out = (output_size(x_shape[1 + i], size[i], stride[i], padding[i]) for i in (0, 1))
    channels, _, _, batch = x_shape

    x = contents(rng, x_shape, dtype)
    dy = contents(rng, (channels, h_out, w_out, batch), dtype)
    cols = contents(rng, (h_out, size[0] * channels * size[1], w_out * batch), dtype)
    winner = rng.integers(0, size[0] * size[1], dy.shape, dtype="int32")
    arguments = {
        "im2col": (x, size, stride, padding),
        "col2im": (cols, x_shape, size, stride, padding),
        "window_sum": (x, size, stride),
        "window_spread": (dy, x_shape, size, stride),
        "max_pool": (x, size, stride),
        "max_pool_backward": (dy, winner, x_shape, size, stride),
    }[primitive]
    agree(backend, primitive, arguments)


def contents(rng, shape, dtype):
    """Random numbers; half of the time small integers, so that windows hold ties."""
    a = rng.standard_normal(shape)
    return (a if rng.random() < 0.5 else np.rint(a)).astype(dtype)


def agree(backend, primitive, arguments):
    """Assert that ``primitive`` gives the same on both backends: shape, dtype and values."""
    expected = getattr(REFERENCE, primitive)(*arguments)
    on_device = [backend.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    before = [backend.to_numpy(a).copy() for a in on_device if hasattr(a, "dtype")]
    given = getattr(backend, primitive)(*on_device)
    pairs = zip(given, expected) if isinstance(expected, tuple) else [(given, expected)]
    for got, want in pairs:
        got = backend.to_numpy(got)
        assert got.shape == want.shape
        assert got.dtype == want.dtype or (got.dtype.kind in "iu" and want.dtype.kind in "iu")
        tolerance = TOLERANCE.get(want.dtype.name, 0)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=20 * tolerance)
    after = [backend.to_numpy(a) for a in on_device if hasattr(a, "dtype")]
    for old, new in zip(before, after):
        np.testing.assert_array_equal(old, new, err_msg=f"{primitive} wrote to its input")


def agree_on_vectors(backend, shape, dtype, seed):
    """squared_distances and both directions of scaled_tanh, for x of this shape (J, N)."""
    rng = np.random.default_rng(seed)
    x, y, dy = rng.standard_normal((3, *shape)).astype(dtype)
    agree(backend, "squared_distances", (x, rng.choice((-1.0, 1.0), (10, len(x))).astype(dtype)))
    for name, arguments in (("scaled_tanh", (x,)), ("scaled_tanh_backward", (dy, y))):
        expected, given = np.empty_like(x), backend.empty(x.shape, x.dtype)
        getattr(REFERENCE, name)(*arguments, 1.7159, 2 / 3, out=expected)
        getattr(backend, name)(*map(backend.asarray, arguments), 1.7159, 2 / 3, out=given)
        np.testing.assert_allclose(backend.to_numpy(given), expected, rtol=0, atol=TOLERANCE[dtype])
