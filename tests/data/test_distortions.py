"""Random affine distortions of images."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.data.distortions import Distortion, resample


@pytest.fixture(scope="module")
def images():
    return mc.data.load_sample()[0].images[:300]


def of_one(image, **how):
    """``image`` through one known map."""
    values = {"row_scale": 1, "column_scale": 1, "dy": 0, "dx": 0, "shear": 0, **how}
    return resample(np, image[None], *(np.array([v], "float32") for v in values.values()))[0]


def test_no_distortion_changes_nothing(images):
    np.testing.assert_array_equal(Distortion(0, 0, 0, 0)(images, 0), images)


def test_equal_seeds_give_equal_images_and_every_image_its_own(images):
    first = Distortion()(images, 1)
    np.testing.assert_array_equal(first, Distortion()(images, 1))
    assert (first != Distortion()(images, 2)).any(axis=(1, 2)).all()
    copies = Distortion()(np.repeat(images[:1], 50, axis=0), 3)
    assert len(np.unique(copies, axis=0)) == 50


def test_whole_pixels_are_shifted_exactly(images):
    image = images[0]
    shifted = of_one(image, dy=2, dx=-3)
    np.testing.assert_array_equal(shifted[:-2, 3:], image[2:, :-3])
    assert not shifted[-2:].any() and not shifted[:, :3].any()


def test_half_a_pixel_is_the_mean_of_two(images):
    image = images[0].astype(float)
    right = np.pad(image, ((0, 0), (0, 1)))[:, 1:]
    assert np.abs(of_one(images[0], dx=0.5) - (image + right) / 2).max() <= 0.5


def test_against_bilinear_interpolation_written_out():
    rng = np.random.default_rng(4)
    image = rng.integers(0, 256, (9, 7), dtype=np.uint8)
    how = {"row_scale": 1.2, "column_scale": 0.8, "dy": 0.7, "dx": -1.3, "shear": 0.4}
    given = of_one(image, **how)

    def pixel(i, j):
        return float(image[i, j]) if 0 <= i < 9 and 0 <= j < 7 else 0.0

    for i in range(9):
        for j in range(7):
            r, c = i - 4, j - 3
            y = (r + how["dy"]) / how["row_scale"] + 4
            x = (c + how["dx"] + how["shear"] * r) / how["column_scale"] + 3
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            v, u = y - y0, x - x0
            expected = (1 - v) * ((1 - u) * pixel(y0, x0) + u * pixel(y0, x0 + 1))
            expected += v * ((1 - u) * pixel(y0 + 1, x0) + u * pixel(y0 + 1, x0 + 1))
            assert abs(given[i, j] - expected) <= 0.51, (i, j)


def test_scaling_up_adds_ink_in_proportion(images):
    big, small = (of_one(images[5], row_scale=s, column_scale=s).sum() / images[5].sum() for s in (1.2, 0.8))
    assert big == pytest.approx(1.44, rel=0.03) and small == pytest.approx(0.64, rel=0.03)


def test_distorted_digits_keep_most_of_their_ink(images):
    share = Distortion()(images, 5).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert 0.6 < share.min() and share.max() < 1.6


@pytest.mark.parametrize("how, words", [
    ({"translation": -1}, "translation must be at least 0"),
    ({"scaling": 1.5}, "scaling must be at least 0 and at most 1, got 1.5"),
    ({"squeezing": float("nan")}, "squeezing must"),
    ({"shear": 3}, "shear must be at least 0 and at most 2"),
    ({"translation": float("inf")}, "translation must be at least 0 and finite"),
])  # fmt: skip
def test_ranges_that_make_no_sense(how, words):
    with pytest.raises(ValueError, match=words):
        Distortion(**how)


def test_other_images_are_refused():
    for images in (np.zeros((2, 3, 3)), np.zeros((3, 3), np.uint8)):
        with pytest.raises(ValueError, match="images must be uint8"):
            Distortion()(images, 0)
