"""From bytes to a network's input: the paper's frame and values."""

import pickle

import numpy as np
import pytest

from minicnn.data import LENET5_1998, UNIT, Pixels, load_sample

BYTES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lenet5_1998_centres_28x28_in_32x32(dtype):
    images = load_sample()[1].images[:7].copy()
    images[0] = 255
    x = LENET5_1998(images, dtype=dtype)
    assert x.shape == (1, 32, 32, 7) and x.dtype == dtype and x.flags.c_contiguous
    background, ink = np.array([-0.1, 1.175], dtype)
    assert (x[0, 2:30, 2:30, 0] == ink).all()
    framed = x.copy()
    framed[0, 2:30, 2:30] = background
    assert (framed == background).all()
    expected = -0.1 + 1.275 * images.transpose(1, 2, 0) / 255
    np.testing.assert_allclose(x[0, 2:30, 2:30], expected, rtol=0, atol=1e-6 if dtype == "float32" else 1e-15)


def test_mean_and_variance_are_what_the_docstring_says():
    x = LENET5_1998(load_sample()[0].images, dtype="float64")
    assert round(x.mean(), 2) == 0.03 and round(x.var(), 2) == 0.12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unit(dtype):
    x = UNIT(BYTES.reshape(4, 8, 8), dtype=dtype)
    assert x.shape == (1, 8, 8, 4) and x.dtype == dtype
    np.testing.assert_allclose(x.transpose(3, 0, 1, 2).ravel(), BYTES / 255, rtol=1e-6 if dtype == "float32" else 1e-15)
    assert x.min() == 0 and x.max() == 1


def test_the_frame_of_an_odd_difference_and_of_other_sizes():
    x = Pixels(background=-1, ink=3, size=6)(np.full((1, 3, 5), 255, np.uint8))
    assert (x[0, 1:4, 0:5, 0] == 3).all() and (x == 3).sum() == 15 and (x == -1).sum() == 21


def test_images_are_left_alone_and_may_be_any_view():
    images = load_sample()[1].images[:6]
    before = images.copy()
    assert np.array_equal(LENET5_1998(images[::-2]), LENET5_1998(images)[..., ::-2])
    assert np.array_equal(images, before)
    x = LENET5_1998(images)
    x[...] = 9
    assert LENET5_1998(images).max() == np.float32(1.175)


def test_no_images_are_no_error():
    assert LENET5_1998(np.zeros((0, 28, 28), np.uint8)).shape == (1, 32, 32, 0)


@pytest.mark.parametrize("pixels", [LENET5_1998, UNIT])
def test_pickling(pixels):
    copy = pickle.loads(pickle.dumps(pixels))
    images = load_sample()[1].images[:3]
    assert copy == pixels and np.array_equal(copy(images), pixels(images))


@pytest.mark.parametrize(
    "images, dtype, error, words",
    [
        (np.full((1, 28, 28), np.nan), "float32", TypeError, "images must be uint8, got float64"),
        (np.zeros((28, 28), np.uint8), "float32", ValueError, r"images must have shape \(N, H, W\), got \(28, 28\)"),
        (np.zeros((1, 33, 28), np.uint8), "float32", ValueError, "at most 32x32 pixels, got 33x28"),
        (np.zeros((1, 28, 28), np.uint8), "int32", TypeError, "dtype must be a floating-point type, got int32"),
    ],
)
def test_errors(images, dtype, error, words):
    with pytest.raises(error, match=words):
        LENET5_1998(images, dtype=dtype)
