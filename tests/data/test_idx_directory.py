"""A directory of IDX files of the user's own: what pairs, and what is said where nothing does."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest

from minicnn.data import catalogue, load, write_idx
from minicnn.errors import DataFileError


def put(directory, rng, count, images, labels, classes=26):
    """A pair of files; -> (images, labels)."""
    arrays = rng.integers(0, 256, (count, 6, 5), dtype=np.uint8), np.arange(count, dtype=np.uint8) % classes
    for name, array in zip((images, labels), arrays):
        write_idx(directory / name, array)
    return arrays


@pytest.fixture
def letters(tmp_path):
    """A directory of two pairs under names of their own, and what they hold."""
    rng = np.random.default_rng(0)
    directory = tmp_path / "letters"
    train = put(directory, rng, 52, "training_pictures.idx", "training_names.idx")
    test = put(directory, rng, 26, "pictures-for-the-test.gz", "names-for-the-test.gz")
    return directory, train, test


def same(part, arrays):
    return np.array_equal(part.images, arrays[0]) and np.array_equal(part.labels, arrays[1])


def test_files_under_any_names_that_pair(letters):
    directory, train, test = letters
    (directory / "README.md").write_text("where they come from")
    parts = load(directory)
    assert same(parts[0], train) and same(parts[1], test)
    assert parts[0].name == "letters" and parts[0].source == f"IDX files, from {directory} (the path given)"
    assert parts[0].classes == parts[1].classes == tuple(map(str, range(26)))


def test_both_parts_have_the_classes_of_either(tmp_path):
    rng = np.random.default_rng(0)
    put(tmp_path / "d", rng, 30, "train-i", "train-l", classes=12)
    put(tmp_path / "d", rng, 30, "test-i", "test-l", classes=15)
    assert [len(part.classes) for part in load(tmp_path / "d")] == [15, 15]


def test_few_labels_without_names_are_taken_for_digits(tmp_path):
    rng = np.random.default_rng(0)
    put(tmp_path / "d", rng, 30, "i", "l", classes=4)
    assert load(tmp_path / "d")[0].classes == tuple("0123456789")


def test_one_pair_is_split_by_a_seed_class_by_class(tmp_path):
    images, _ = put(tmp_path / "d", np.random.default_rng(0), 60, "x", "y", classes=3)
    train, test = load(tmp_path / "d")
    assert np.bincount(test.labels).tolist() == [4, 4, 4] and len(train) == 48
    everything = np.concatenate([train.images, test.images])
    assert len(np.unique(everything.reshape(60, -1), axis=0)) == len(np.unique(images.reshape(60, -1), axis=0))
    assert np.array_equal(load(tmp_path / "d")[1].images, test.images)
    assert not np.array_equal(load(tmp_path / "d", seed=1)[1].images, test.images)


def test_the_packed_one_of_two_files_is_passed_over(letters):
    directory, train, _ = letters
    write_idx(directory / "training_names.idx.gz", train[1])
    assert same(load(directory)[0], train)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda d, rng: (d / "training_names.idx").unlink(), "it holds names-for-the-test.gz: uint8 (26,); "),
        (lambda d, rng: put(d, rng, 5, "more-train", "yet-more-train"), "more-train: uint8 (5, 6, 5); "),
        (lambda d, rng: put(d, rng, 5, "other", "yet-another"), "other: uint8 (5, 6, 5); "),
        (lambda d, rng: put(d, rng, 5, "train-or-test", "none"), "train-or-test: uint8 (5, 6, 5); "),
        (lambda d, rng: write_idx(d / "training_names.idx", np.zeros(51, "uint8")), "training_names.idx: uint8 (51,)"),
        (lambda d, rng: write_idx(d / "training_pictures.idx", np.zeros((52, 6, 5, 3), "uint8")), "(52, 6, 5, 3)"),
        (lambda d, rng: (d / "training_names.idx").write_bytes(b"\x1f\x8bno"), "training_names.idx: cannot be read"),
        (lambda d, rng: (d / "training_names.idx").write_text("0,1,2"), "training_names.idx: no IDX file"),
    ],
    ids=["missing", "two pairs", "neither part", "both parts", "too few", "colours", "damaged", "a table"],
)
def test_what_does_not_pair_is_listed(letters, spoil, words):
    spoil(letters[0], np.random.default_rng(1))
    with pytest.raises(DataFileError) as caught:
        load(letters[0])
    assert "must hold a file of images (N, H, W) and one of as many labels (N,)" in str(caught.value)
    assert words in str(caught.value)


def test_labels_of_another_type_are_refused(letters):
    write_idx(letters[0] / "training_names.idx", np.zeros(52, "int32"))
    with pytest.raises(DataFileError, match=r"names.idx must hold labels \(N,\) of type uint8, it holds int32"):
        load(letters[0])


def test_emnists_files_are_known_by_their_names_and_turned_upright(tmp_path):
    directory, names = tmp_path / "gzip", [file.name for file in catalogue.SETS["emnist-letters"].files]
    images, labels = put(directory, np.random.default_rng(0), 52, f"{names[0]}.gz", f"{names[1]}.gz")
    write_idx(directory / f"{names[1]}.gz", labels + np.uint8(1))
    for source, copy in zip(names[:2], names[2:]):
        shutil.copy(directory / f"{source}.gz", directory / f"{copy}.gz")
    train, _ = load(directory)
    assert train.name == "EMNIST letters" and train.classes == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert same(train, (images.swapaxes(1, 2), labels))


def test_a_published_set_under_mnists_names_is_known_by_its_digests(directory, arrays, monkeypatch):
    files = tuple(
        replace(file, shape=array.shape,
                digest=f"sha256:{hashlib.sha256((directory / f'{file.name}.gz').read_bytes()).hexdigest()}")
        for file, array in zip(catalogue.FASHION_MNIST.files, arrays.values())
    )  # fmt: skip
    assert load(directory)[0].classes == tuple("0123456789")
    monkeypatch.setitem(catalogue.SETS, "fashion-mnist", replace(catalogue.FASHION_MNIST, files=files))
    train, _ = load(directory)
    assert train.name == "Fashion-MNIST" and train.classes[9] == "Ankle boot"
    assert train.source == f"Fashion-MNIST, from {directory} (the path given)"


def test_files_called_as_mnists_are_told_what_is_wrong_with_each(directory):
    (directory / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    with pytest.raises(DataFileError, match=r"t10k-labels-idx1-ubyte.gz is a web page"):
        load(directory)


def test_a_directory_of_something_else_is_listed(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    words = r"must hold IDX files, or a folder of pictures for each class; it holds notes.txt: no IDX file$"
    with pytest.raises(DataFileError, match=words):
        load(tmp_path)


def test_files_deeper_inside_are_pointed_at(letters, tmp_path):
    (tmp_path / "letters").rename(tmp_path / "raw")
    outer = tmp_path / "outer"
    (outer / "MNIST").mkdir(parents=True)
    (tmp_path / "raw").rename(outer / "MNIST" / "raw")
    with pytest.raises(DataFileError, match=r"there are IDX files in .*raw: give that directory"):
        load(outer)


def test_files_and_pictures_together_are_refused(letters):
    (letters[0] / "A").mkdir()
    (letters[0] / "A" / "1.png").touch()
    with pytest.raises(DataFileError, match="must hold IDX files or folders of pictures; it holds both, as A/"):
        load(letters[0])
