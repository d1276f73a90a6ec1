"""Dataset: what it accepts, and its subsets."""

import numpy as np
import pytest

from minicnn.data import Dataset, load_sample

IMAGES, LABELS = np.zeros((3, 4, 5), np.uint8), np.arange(3)


def test_labels_become_bytes_and_images_are_not_copied():
    data = Dataset(IMAGES, LABELS)
    assert data.images is IMAGES and data.labels.dtype == np.uint8 and data.labels.tolist() == [0, 1, 2]
    assert len(data) == 3 and repr(data) == "<Dataset of 3 4x5 images, 10 classes: your images, given arrays>"
    assert not data.is_sample


def test_a_subset_keeps_its_source():
    data = load_sample()[1]
    for indices in ([3, 1, 1], np.array([3, 1, 1])):
        few = data.subset(indices)
        assert np.array_equal(few.images, data.images[[3, 1, 1]])
        assert np.array_equal(few.labels, data.labels[[3, 1, 1]])
        assert few.source == data.source and few.is_sample
    assert len(data.subset(slice(7))) == 7 and len(data.subset([])) == 0
    assert set(data.subset(data.labels == 3).labels) == {3}


@pytest.mark.parametrize(
    "images, labels, error, words",
    [
        (IMAGES / 255, LABELS, TypeError, "images must be uint8, got float64$"),
        (np.full((3, 4, 5), np.nan, "float32"), LABELS, TypeError, "images must be uint8, got float32, 60 of them NaN"),
        (IMAGES.astype("int32"), LABELS, TypeError, "images must be uint8, got int32"),
        (IMAGES.reshape(3, 20), LABELS, ValueError, r"images must have shape \(N, H, W\), got \(3, 20\)"),
        (IMAGES[..., None], LABELS, ValueError, r"got \(3, 4, 5, 1\)"),
        (IMAGES[:, :0], LABELS, ValueError, r"got \(3, 0, 5\)"),
        (IMAGES, LABELS / 2, TypeError, "labels must be integers, got float64"),
        (IMAGES, LABELS[:2], ValueError, r"labels must have shape \(3,\) to go with images, got \(2,\)"),
        (IMAGES, LABELS[:, None], ValueError, r"got \(3, 1\)"),
        (IMAGES, LABELS - 1, ValueError, r"labels must lie in 0..255, got -1..1"),
        (IMAGES, LABELS + 254, ValueError, r"labels must lie in 0..255, got 254..256"),
    ],
)
def test_arrays_that_are_no_data_set(images, labels, error, words):
    with pytest.raises(error, match=words):
        Dataset(images, labels)


def test_a_single_index_is_no_subset():
    with pytest.raises(ValueError, match=r"images must have shape \(N, H, W\)"):
        Dataset(IMAGES, LABELS).subset(1)


def test_a_data_set_knows_its_classes_and_hands_them_on():
    data = Dataset(IMAGES, LABELS, name="shapes", classes=["circle", "square", "star"])
    few = data.subset([1])
    assert few.classes == ("circle", "square", "star") and few.name == "shapes"
    assert repr(few) == "<Dataset of 1 4x5 images, 3 classes: shapes, given arrays>"
    assert Dataset(IMAGES, LABELS, classes="abc").classes == ("a", "b", "c")
    assert Dataset(IMAGES, LABELS, classes=12).classes[-1] == "11"
    assert Dataset(IMAGES, LABELS + 20).classes == tuple(map(str, range(23)))


@pytest.mark.parametrize("labels, classes, words", [
    (LABELS, 2, r"labels must lie in 0\.\.1 to go with 2 classes, got 0\.\.2: give classes=3, or as many names"),
    (LABELS + 1, "ABC", r"to go with 3 classes, got 1\.\.3: they begin at 1, give labels - 1"),
    (LABELS, "AAB", "classes must all be different, got 'A' more than once"),
])  # fmt: skip
def test_labels_beyond_the_classes(labels, classes, words):
    with pytest.raises(ValueError, match=words):
        Dataset(IMAGES, labels, classes=classes)
