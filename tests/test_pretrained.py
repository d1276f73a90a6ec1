"""The trained LeNet-5 of the package, its card, and the script that makes both."""

import hashlib
import re
import runpy
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.models import pretrained

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = resources.files("minicnn.models.pretrained")


@pytest.fixture(scope="module")
def net():
    return mc.models.lenet5(pretrained=True)


def make(arguments, monkeypatch):
    """Run the script with these arguments -> its exit status."""
    monkeypatch.setattr(sys, "argv", ["train_pretrained.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / "train_pretrained.py"), run_name="__main__")
    return end.value.code or 0


def test_it_reads_the_samples_held_out_digits(net):
    """They come from MNIST's training set, which it has learnt from: this shows that it is whole, not how good."""
    test = mc.data.load_sample()[1]
    assert mc.training.evaluate(net, test).error_rate <= 0.02


def test_it_can_be_moved_cast_and_trained(net):
    twin = mc.models.lenet5(pretrained=True, dtype="float64")
    assert np.array_equal(twin.vector.values, net.vector.values.astype("float64"))
    twin.vector.values[...] = 0  # a network of its own: the next one is as shipped
    assert np.array_equal(mc.models.lenet5(pretrained=True).vector.values, net.vector.values)


def test_the_file_is_small_float32_and_without_pickle(net):
    with resources.as_file(FILES / "lenet5.npz") as path:
        assert path.stat().st_size < 260_000
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != "__facts__"}
        assert np.array_equal(mc.models.lenet5().load(path).vector.values, net.vector.values)
    assert {a.dtype for a in arrays.values()} == {np.dtype("float32")}
    assert sum(a.size for a in arrays.values()) == net.vector.values.size
    assert all(np.isfinite(a).all() for a in arrays.values())


def test_the_card_tells_the_truth_about_the_file(net):
    text, facts = pretrained.card("lenet5"), pretrained.weights("lenet5")[1]
    assert hashlib.sha256((FILES / "lenet5.npz").read_bytes()).hexdigest() in text
    assert f"{net.vector.values.size:,} trained parameters" in text
    confusion = np.array(facts["measured"]["confusion"])
    wrong, count = int(confusion.sum() - np.trace(confusion)), int(confusion.sum())
    assert f"**{wrong:,} of {count:,} wrong, {wrong / count:.2%}**" in text
    assert count == 10_000 and facts["made"]["trained_on"].startswith("MNIST, 60,000")
    rows = re.findall(r"^\| (\d) \| ([\d,]+) \| (\d+) \| [\d.]+% \|", text, re.MULTILINE)
    assert [(int(d), int(n.replace(",", "")), int(w)) for d, n, w in rows] == [
        (d, row.sum(), row.sum() - row[d]) for d, row in enumerate(confusion)
    ]
    for name, value in facts["made"]["recipe"].items():
        assert f"{name.replace('_', ' ')} {value}" in text
    for words in ("MIT", "CC BY-SA 3.0", "**training** set", "the test digits chose nothing", facts["made"]["command"]):
        assert words in text


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"pretrained": True, "rng": 0}, ValueError, "rng must be left out with pretrained=True"),
        ({"pretrained": "lenet5.npz"}, TypeError, "pretrained must be True or False, got 'lenet5.npz'"),
    ],
)
def test_arguments_that_make_no_sense(arguments, error, words):
    with pytest.raises(error, match=words):
        mc.models.lenet5(**arguments)


def test_weights_that_did_not_come_along():
    with pytest.raises(ValueError, match="name must be one of lenet5, got 'alexnet'"):
        pretrained.weights("alexnet")


def test_the_script_makes_weights_and_card(tmp_path, monkeypatch, capsys):
    small_data(tmp_path / "data")
    arguments = ["--data", tmp_path / "data", "--epochs", 1, "--threads", 1, "--quiet"]
    for run in ("one", "two"):
        assert make([*arguments, "--output", tmp_path / run], monkeypatch) == 0
    assert "test error: " in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == ["lenet5.md", "lenet5.npz"]
    for name in ("lenet5.md", "lenet5.npz"):  # a fixed seed, and nothing of the time or the place
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "one" / "lenet5.md").read_text(encoding="utf-8")
    assert hashlib.sha256((tmp_path / "one" / "lenet5.npz").read_bytes()).hexdigest() in text
    assert "other than MNIST's, 200 training digits" in text and "batch size 64, epochs 1, init fan-in" in text
    assert str(tmp_path) not in text and "--recipe long --distort --epochs 1" in text
    assert f"distortions {mc.training.RECIPES['long'].distortion}" in text


def test_the_script_publishes_another_runs_network(tmp_path, monkeypatch):
    small_data(tmp_path / "data")
    train, _ = mc.data.load_mnist(tmp_path / "data")
    net = mc.models.lenet5(rng=3)
    checkpoint = tmp_path / "checkpoint.npz"
    arguments = {"epochs": 1, "progress": False, "checkpoint": checkpoint}
    optimizer = mc.optim.SGD(net.parameters(), 0.001)
    mc.training.fit(net, mc.losses.MAPLoss(), optimizer, train, **arguments, config={"data": "/home/me", "eta": 0.0005})
    make(["--data", tmp_path / "data", "--checkpoint", checkpoint, "--output", tmp_path], monkeypatch)
    assert np.array_equal(mc.models.lenet5().load(tmp_path / "lenet5.npz").vector.values, net.vector.values)
    text = (tmp_path / "lenet5.md").read_text(encoding="utf-8")
    assert "| recipe | eta 0.0005 |" in text and "/home/me" not in text


def test_the_package_gets_no_weights_but_mnists(tmp_path, monkeypatch, capsys):
    small_data(tmp_path)
    before = (FILES / "lenet5.npz").read_bytes()
    assert make(["--data", tmp_path, "--epochs", 1, "--quiet", "--publish"], monkeypatch) == 1
    assert "must be trained on MNIST, not on data in MNIST's format" in " ".join(capsys.readouterr().err.split())
    assert (FILES / "lenet5.npz").read_bytes() == before


def test_the_package_keeps_its_weights_unless_asked(tmp_path, monkeypatch):
    small_data(tmp_path / "data")
    before = (FILES / "lenet5.npz").read_bytes()
    monkeypatch.chdir(tmp_path)
    assert make(["--data", "data", "--epochs", 1, "--quiet"], monkeypatch) == 0
    assert sorted(path.name for path in (tmp_path / "pretrained").iterdir()) == ["lenet5.md", "lenet5.npz"]
    assert (FILES / "lenet5.npz").read_bytes() == before


def small_data(directory):
    """A few hundred digits of the sample as MNIST's four files."""
    for part, dataset, count in zip(("train", "t10k"), mc.data.load_sample(), (200, 100)):
        mc.data.write_idx(directory / f"{part}-images-idx3-ubyte", dataset.images[:count])
        mc.data.write_idx(directory / f"{part}-labels-idx1-ubyte", dataset.labels[:count])
