"""Every primitive of a backend against the reference in plain NumPy, over random sizes."""

import numpy as np
from hypothesis import strategies as st

from minicnn.backend import Backend, output_size

REFERENCE = Backend(np)

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}

PRIMITIVES = ("im2col", "col2im")


@st.composite
def geometries(draw):
    """(x_shape, window size, stride, padding, dilation) with at least one window in the padded image."""
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    extents = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
    pixels = [draw(st.integers(max(1, e - 2 * p), max(11, e))) for e, p in zip(extents, padding)]
    return (draw(st.integers(1, 4)), *pixels, draw(st.sampled_from((1, 2, 3, 65)))), size, stride, padding, dilation


dtypes = st.sampled_from(("float32", "float64"))
seeds = st.integers(0, 2**32 - 1)


def outputs(geometry):
    """(H_out, W_out)"""
    x_shape, *settings = geometry
    return tuple(output_size(*numbers) for numbers in zip(x_shape[1:3], *settings))


def check(backend, primitive, geometry, dtype, seed):
    """Compare ``primitive`` on ``backend`` with the reference for random contents."""
    x_shape, size, *rest = geometry
    rng = np.random.default_rng(seed)
    h_out, w_out = outputs(geometry)
    channels, _, _, batch = x_shape

    if primitive == "im2col":
        arguments = (contents(rng, x_shape, dtype),)
    else:
        arguments = contents(rng, (channels * size[0] * size[1], h_out * w_out * batch), dtype), x_shape
    agree(backend, primitive, (*arguments, size, *rest))


def contents(rng, shape, dtype):
    """Random numbers; half of the time small integers, so that sums are exact."""
    a = rng.standard_normal(shape)
    return (a if rng.random() < 0.5 else np.rint(a)).astype(dtype)


def agree(backend, primitive, arguments):
    """Assert that ``primitive`` gives the same on both backends: shape, dtype and values."""
    expected = getattr(REFERENCE, primitive)(*arguments)
    on_device = [backend.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    before = [backend.to_numpy(a).copy() for a in on_device if hasattr(a, "dtype")]
    given = getattr(backend, primitive)(*on_device)
    got = backend.to_numpy(given)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    tolerance = TOLERANCE[expected.dtype.name]
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=20 * tolerance)
    after = [backend.to_numpy(a) for a in on_device if hasattr(a, "dtype")]
    for old, new in zip(before, after):
        np.testing.assert_array_equal(old, new, err_msg=f"{primitive} wrote to its input")
