"""Drawings become digits as MNIST has them: MNIST's own digits come out as they went in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc
from minicnn.data.drawing import BOX, SIDE, as_mnist, ink_of_picture


@pytest.fixture(scope="module")
def digits():
    """The sample's held-out digits."""
    return mc.data.load_sample()[1]


@pytest.fixture(scope="module")
def shipped():
    return mc.models.lenet5(pretrained=True)


def enlarged(image, factor=7, top=0, left=0, border=0):
    """The image drawn larger, somewhere on a larger sheet."""
    big = np.kron(image, np.ones((factor, factor), np.uint8))
    return np.pad(big, ((top, border), (left, border)))


def test_mnists_digits_stay_what_they_are(digits):
    again = np.stack([as_mnist(image) for image in digits.images])
    assert (again == digits.images).all(axis=(1, 2)).mean() > 0.65
    assert np.abs(again.astype(int) - digits.images).mean() < 0.2


def test_where_and_how_large_a_digit_is_drawn_does_not_matter(digits):
    for image in digits.images[:20]:
        expected = as_mnist(image)
        assert np.array_equal(as_mnist(enlarged(image)), expected)
        assert np.array_equal(as_mnist(enlarged(image, 4, top=3, left=90, border=11)), expected)


def test_redrawn_digits_are_read_as_well(digits, shipped):
    redrawn = np.stack([as_mnist(enlarged(image, 5, 10, 20)) for image in digits.images])
    assert (shipped.predict(redrawn) != digits.labels).mean() <= 0.02


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_any_drawing_fits_the_box_and_is_centred(height, width, seed):
    rng = np.random.default_rng(seed)
    ink = rng.integers(0, 256, (height, width), dtype=np.uint8) * (rng.random((height, width)) < 0.5)
    digit = as_mnist(ink.astype(np.uint8))
    assert digit.shape == (SIDE, SIDE) and digit.dtype == np.uint8
    if not ink.any():
        assert not digit.any()
        return
    assert digit.any()
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) < BOX
    mass = digit.sum()
    for axis, extent in ((0, rows), (1, columns)):
        centre = (digit.sum(axis=1 - axis) @ np.arange(SIDE)) / mass
        at_the_edge = extent[0] == 0 or extent[-1] == SIDE - 1
        assert abs(centre - SIDE / 2) <= 0.6 or at_the_edge


def paper(shade, side):
    """The light on a sheet: from above, from the left, a shadow with an edge, a lamp in the middle."""
    y, x = np.mgrid[0:side, 0:side] / side
    return {
        "even": 0 * x + 200, "from the left": 220 - 140 * x, "a shadow's edge": np.where(x + 0.3 * y < 0.6, 210, 130),
        "a lamp": 215 - 90 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    }[shade]  # fmt: skip


@pytest.mark.parametrize("light_on_dark", [False, True])
@pytest.mark.parametrize("shade", ["even", "from the left", "a shadow's edge", "a lamp"])
@pytest.mark.parametrize("enlarge, border", [(1, 0), (4, 20)])
def test_pictures_of_digits_dark_or_light_noisy_and_shaded(digits, shipped, light_on_dark, shade, enlarge, border):
    rng, count = np.random.default_rng(0), 100 if enlarge == 1 else 50
    read = []
    for image in digits.images[:count]:
        ink = np.pad(np.kron(image, np.ones((enlarge, enlarge))), border) / 255
        grey = paper(shade, len(ink)) * (1 - 0.75 * ink)
        grey = (255 - grey if light_on_dark else grey) + rng.normal(0, 4, ink.shape)
        read.append(as_mnist(ink_of_picture(grey.clip(0, 255).astype(np.uint8))))
    assert (shipped.predict(np.stack(read)) != digits.labels[:count]).mean() <= 0.06


@pytest.mark.parametrize(
    "convert, pixels, error, words",
    [
        (as_mnist, np.zeros((3, 3)), TypeError, "pixels must be uint8, got float64"),
        (as_mnist, np.zeros((3, 3, 3), np.uint8), ValueError, r"pixels must have shape \(H, W\), got \(3, 3, 3\)"),
        (as_mnist, np.zeros((0, 3), np.uint8), ValueError, r"got \(0, 3\)"),
        (ink_of_picture, np.full((9, 9), 200, np.uint8), ValueError, "the picture shows nothing"),
    ],
)
def test_what_is_no_drawing(convert, pixels, error, words):
    with pytest.raises(error, match=words):
        convert(pixels)
