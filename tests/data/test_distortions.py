"""Random distortions of images, affine and elastic, as arrays and as a compiled loop."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.compiled import loops
from minicnn.compiled.resampling import loop
from minicnn.data import distortions
from minicnn.data.distortions import BLOCK, Distortion, displacements, gaussian_matrix, resample


@pytest.fixture(scope="module")
def images():
    return mc.data.load_sample()[0].images[:300]


def of_one(image, **how):
    """``image`` through one known map."""
    values = {"row_scale": 1, "column_scale": 1, "dy": 0, "dx": 0, "shear": 0, **how}
    return resample(image[None], *(np.array([v], "float32") for v in values.values()))[0]


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


def any_images_and_maps(seed):
    """A few images of any size, affine maps and displacements; some of what they show lies far outside."""
    rng = np.random.default_rng(seed)
    shape, elastic = tuple(rng.integers(1, (6, 40, 40), endpoint=True)), rng.choice([0, 34])
    how = Distortion(rng.choice([0, 1, 40]), rng.choice([0, 0.1, 1]), rng.random(), 2 * rng.random(), elastic)
    return rng.integers(0, 256, shape, dtype=np.uint8), how._draw(rng, shape)


@pytest.mark.parametrize("seed", range(12))
def test_the_loop_gives_the_bits_of_the_arrays(seed):
    pytest.importorskip("numba")
    images, maps = any_images_and_maps(seed)
    np.testing.assert_array_equal(loop(maps[-1] is not None)(images, *maps), resample(images, *maps))


@pytest.mark.parametrize("seed", range(3))
def test_the_loop_in_plain_python(seed):
    pytest.importorskip("numba")
    images, maps = any_images_and_maps(seed)
    result = np.empty_like(images)
    loops.kernels().distortion.resample(np.float32).py_func(images, *maps, result)
    np.testing.assert_array_equal(result, resample(images, *maps))


@pytest.mark.parametrize("elastic", [0, 20])
def test_neither_threads_nor_shares_nor_the_loop_change_an_image(elastic, monkeypatch):
    images, distort = mc.data.load_sample()[0].images[: 4 * BLOCK - 9], Distortion(elastic=elastic)
    expected = distort(images, 3, threads=1)
    np.testing.assert_array_equal(distort(images, 3, threads=5), expected)
    shares = [distort(images, 3, share=(k, 3)) for k in range(3)]
    assert all((share[BLOCK * k : BLOCK * (k + 1)] != 0).any() for k, share in enumerate(shares))
    np.testing.assert_array_equal(sum(shares), expected)  # of bytes: no two have the same image
    monkeypatch.setattr(distortions, "numba_obstacle", lambda: "there is none")
    monkeypatch.setattr(distortions, "loop", None)
    np.testing.assert_array_equal(distort(images, 3), expected)


def test_what_fails_in_a_thread_is_raised(images, monkeypatch):
    def fail(*shape):
        raise MemoryError("displacements")

    monkeypatch.setattr(distortions, "displacements", fail)
    with pytest.raises(MemoryError, match="displacements"):
        Distortion(elastic=1)(images, 0, threads=3)


def test_a_displacement_says_where_a_pixel_is_taken_from(images):
    still = [np.array([v], "float32") for v in (1, 1, 0, 0, 0)]
    moved = np.zeros((2, 1, 28, 28), "float32")
    moved[0], moved[1, :, :, 14:] = 2, -3  # all from two rows below, the right half from three columns to the left
    given, image = resample(images[:1], *still, moved)[0], images[0]
    np.testing.assert_array_equal(given[:-2, :14], image[2:, :14])
    np.testing.assert_array_equal(given[:-2, 14:], image[2:, 11:25])
    assert not given[-2:].any()


def test_the_gaussian_is_the_formula_written_out():
    g, everywhere = gaussian_matrix(9, 1.5), np.arange(-100, 101)
    total = np.exp(-(everywhere**2) / (2 * 1.5**2)).sum()
    for i in range(9):
        for k in range(9):
            assert g[i, k] == pytest.approx(np.exp(-((i - k) ** 2) / (2 * 1.5**2)) / total, rel=1e-6)


@pytest.mark.parametrize("elastic, smoothness", [(34, 4), (10, 2)])
def test_displacements_have_the_deviation_that_is_promised(elastic, smoothness):
    moved = displacements(np.random.default_rng(0), (4000, 28, 28), np.float64(elastic), smoothness)
    assert moved.shape == (2, 4000, 28, 28) and moved.dtype == np.float32
    middle = moved[:, :, 13, 14]
    assert middle.std() == pytest.approx(elastic / (2 * smoothness * np.sqrt(3 * np.pi)), rel=0.04)
    assert abs(middle.mean()) < 0.05 and abs(np.corrcoef(middle)[0, 1]) < 0.06  # rows and columns: independent
    near, far = (np.corrcoef(moved[0, :, 14, 6], moved[0, :, 14, 6 + steps])[0, 1] for steps in (1, 5 * smoothness - 1))
    assert near > 0.9 and abs(far) < 0.15


def test_elastic_distortions_are_drawn_anew_and_repeat_with_the_seed(images):
    elastic = Distortion(0, 0, 0, 0, elastic=34)
    first = elastic(images, 1)
    np.testing.assert_array_equal(first, elastic(images, 1))
    copies = elastic(np.repeat(images[:1], 50, axis=0), 3)
    assert len(np.unique(copies, axis=0)) == 50
    share = first.sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert 0.5 < share.min() and share.max() < 1.8


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
    ({"elastic": -34}, "elastic must be at least 0 and finite, got -34"),
    ({"elastic": float("nan")}, "elastic must be at least 0 and finite, got nan"),
    ({"elastic": 34, "smoothness": 0}, "smoothness must be positive and finite, got 0"),
    ({"smoothness": -4}, "smoothness must be positive and finite, got -4"),
    ({"smoothness": float("inf")}, "smoothness must be positive and finite, got inf"),
])  # fmt: skip
def test_ranges_that_make_no_sense(how, words):
    with pytest.raises(ValueError, match=words):
        Distortion(**how)


def test_other_images_are_refused():
    for images in (np.zeros((2, 3, 3)), np.zeros((3, 3), np.uint8)):
        with pytest.raises(ValueError, match="images must be uint8"):
            Distortion()(images, 0)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Distortion()(np.zeros((2, 3, 3), np.uint8), 0, threads=0)
