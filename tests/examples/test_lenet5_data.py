"""The main job on other data than MNIST: what it prints and keeps, and what it says of data that will not do."""

import re

import numpy as np
import pytest

import minicnn as mc

SCRIPT = "lenet5_mnist.py"


def put(directory, names, count, rng):
    """Folders of pictures: each class is a pattern of its own with noise."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    patterns = np.random.default_rng(7).integers(0, 2, (len(names), 7, 7)).repeat(4, axis=1).repeat(4, axis=2)
    for part in ("train", "test"):
        for name, pattern in zip(names, patterns):
            (directory / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = 200 * pattern + rng.integers(0, 56, (28, 28))
                pixels[:2] = pixels[-2:] = pixels[:, :2] = pixels[:, -2:] = 0
                image.fromarray(pixels.astype("uint8")).save(directory / part / name / f"{number}.png")


@pytest.fixture(scope="module")
def letters(run, tmp_path_factory):
    """(directory, exit status, stdout, stderr) of a run on 26 letters."""
    cwd = tmp_path_factory.mktemp("letters")
    put(cwd / "signs", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5, np.random.default_rng(0))
    how = "--epochs", 25, "--batch-size", 10, "--output", "out", "--no-plots"
    return cwd, *run(SCRIPT, "--data", "signs", *how, cwd=cwd)


def test_it_learns_the_classes_of_a_folder(letters):
    _, status, output, errors = letters
    assert status == 0, errors
    assert re.search(r"^data:     pictures by class from .*signs \(the path given\)$", output, re.M)
    assert "130 training images, 130 test images of 26 classes: A, B, C, ..., Z" in output
    assert float(re.search(r"test error: ([\d.]+)%", output).group(1)) < 40


def test_many_classes_are_told_by_what_was_confused(letters):
    output = letters[2]
    told = output[output.index("what the test images of signs are taken for") :]
    assert re.search(r"^  ([A-Z] for [A-Z]: \d+ of 5|nothing else)$", told, re.M)
    assert all(re.search(rf"  {name} +\d+\.\d%", told) for name in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert max(map(len, told[: told.index("test error")].splitlines())) <= 80


def test_its_checkpoint_knows_the_letters_and_goes_on_with_no_other_data(letters, run):
    cwd = letters[0]
    assert mc.models.classes_of(cwd / "out" / "checkpoint.npz") == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    how = "--resume", "out/checkpoint.npz", "--no-plots", "--epochs"
    status, output, errors = run(SCRIPT, *how, 26, cwd=cwd)
    assert status == 0 and "25 of 26 epochs done" in output, errors
    put(cwd / "others", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5, np.random.default_rng(1))
    code, _, errors = run(SCRIPT, *how, 27, "--data", "others", cwd=cwd)
    words = r"^error: out/checkpoint\.npz was trained with data \w+ of signs, this run has \w+ of others$"
    assert code == 1 and re.search(words, errors, re.M), errors


def test_its_pictures_name_classes_and_data(tmp_path, monkeypatch):
    plots = pytest.importorskip("minicnn.plots", reason="matplotlib is not installed")
    from minicnn.cli.train.pictures import draw

    titles = []
    for name in plots.__all__:
        monkeypatch.setattr(plots, name, lambda *given, **how: titles.append((given, how)))
    clothes = ["coat", "bag", "boot"]
    test = mc.data.Dataset(np.zeros((3, 28, 28), np.uint8), [0, 1, 2], name="clothes", classes=clothes)
    net = mc.models.lenet5(clothes, rng=0)
    history = [{"epoch": 1, "train_loss": 1.0, "train_error": 0.5}]
    list(draw(net, test, mc.training.evaluate(net, test), history, tmp_path, mc.data.Distortion()))
    said = str(titles)
    assert "LeNet-5 learns clothes" in said and "test images of clothes" in said and "digit" not in said
    assert re.search("LeNet-5 looks at an image of clothes: (coat|bag|boot)", said)
    named = [name for given, how in titles for name in (*given, *how.values())
             if isinstance(name, tuple) and name == test.classes]  # fmt: skip
    assert len(named) == 4, "confusion matrix, feature maps, prototype, misclassified"


@pytest.mark.parametrize("data, words", [
    ("fashon-mnist", "fashon-mnist is neither; did you mean fashion-mnist"),
    ("empty", r"must hold IDX files, or a folder of pictures for each class; it holds no file$"),
    ("fashion-mnist", "Fashion-MNIST is not here: .* MINICNN_OFFLINE forbids a download. To go on, put train-images"),
])  # fmt: skip
def test_data_that_will_not_do_are_met_before_anything_is_written(run, tmp_path, data, words):
    (tmp_path / "empty").mkdir()
    code, _, errors = run(SCRIPT, "--data", data, "--output", "out", cwd=tmp_path)
    assert code == 1 and "Traceback" not in errors
    assert re.search(words, errors.splitlines()[-1]), errors
    assert not (tmp_path / "out").exists()
