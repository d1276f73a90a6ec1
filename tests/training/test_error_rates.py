"""tests/benchmarks/error_rates.py: a results table that can be stopped, resumed and shared, and refuses to mix."""

import json
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import error_rates


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A directory with 150 training and 20 test digits as IDX files."""
    directory = tmp_path_factory.mktemp("digits")
    train, test = mc.data.load_sample()
    for name, part, count in (("train", train, 150), ("t10k", test, 20)):
        for kind, array in (("images-idx3", part.images), ("labels-idx1", part.labels)):
            mc.data.write_idx(directory / f"{name}-{kind}-ubyte", np.ascontiguousarray(array[:count], np.uint8))
    return directory


def run(digits, output, *more):
    error_rates.main(["--data", str(digits), "--output", str(output), *more])


SHORT = ("--seeds", "2", "--epochs", "1", "--runs", "default", "default+distort")


def test_a_line_a_run_and_the_table(digits, tmp_path, capsys):
    output = tmp_path / "rates.jsonl"
    run(digits, output, *SHORT)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(line["run"], line["seed"]) for line in lines] == [
        ("default", 0), ("default", 1), ("default+distort", 0), ("default+distort", 1)
    ]  # fmt: skip
    for line in lines:
        assert line["test_error"] == line["test_errors"][-1] and len(line["train_errors"]) == 1
        assert line["settings"]["passes"] == 1 and line["settings"]["lr"] == mc.training.RECIPES["default"].lr
        assert (line["settings"]["distortion"] is not None) == (line["run"] == "default+distort")
    printed = capsys.readouterr().out
    assert "| test error, last pass: median" in printed and "| default+distort | 2 |" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rates.jsonl"]


def test_the_same_command_trains_only_what_is_lacking(digits, tmp_path, capsys):
    output = tmp_path / "rates.jsonl"
    run(digits, output, "--seeds", "1", "--epochs", "1", "--runs", "default")
    (first,) = output.read_text().splitlines()
    capsys.readouterr()
    run(digits, output, *SHORT)
    trained = [line.split(" seed ")[1][0] for line in capsys.readouterr().out.splitlines() if " seed " in line]
    assert len(trained) == 3 and output.read_text().splitlines()[0] == first


def stopping_after(passes):
    """``fit`` that Ctrl-C ends in the pass after so many."""

    def fit(*data, augment, **how):
        counter = iter(range(passes + 1))

        def stop(images, *rest):
            if next(counter) == passes:
                signal.raise_signal(signal.SIGINT)
            return augment(images, *rest)

        return mc.training.fit(*data, augment=stop, **how)

    return fit


def test_an_interrupted_run_goes_on_where_it_stopped(digits, tmp_path, monkeypatch):
    run = error_rates.Run.named("default+distort", passes=3)
    whole = run(0, digits, tmp_path)
    assert not list(tmp_path.iterdir())
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(error_rates, "fit", stopping_after(1))
        run(0, digits, tmp_path)
    (checkpoint,) = tmp_path.iterdir()
    assert mc.training.read_facts(checkpoint)[1]["progress"]["epoch"] == 1
    resumed = run(0, digits, tmp_path)
    assert not checkpoint.exists()
    assert resumed["test_errors"] == whole["test_errors"] and resumed["train_errors"] == whole["train_errors"]


def test_an_interrupted_run_of_other_settings_is_not_resumed(digits, tmp_path, monkeypatch):
    run = error_rates.Run.named("default+distort", passes=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(error_rates, "fit", stopping_after(1))
        run(0, digits, tmp_path)
    changed = error_rates.replace(run, recipe=error_rates.replace(run.recipe, lr=0.5))
    with pytest.raises(ValueError, match=r"was begun with .*'lr': 0\.00.* not .*'lr': 0\.5,.*: remove it"):
        changed(0, digits, tmp_path)
    assert list(tmp_path.iterdir())


def test_other_settings_are_refused(digits, tmp_path, monkeypatch):
    output = tmp_path / "rates.jsonl"
    run(digits, output, "--seeds", "1", "--epochs", "1", "--runs", "default")
    before = output.read_bytes()
    with pytest.raises(SystemExit, match=r"default with \{'passes': 1\}, not \{'passes': 2\}: give another --output"):
        run(digits, output, "--seeds", "2", "--epochs", "2", "--runs", "default")
    with pytest.raises(SystemExit, match=r"'validation': False\}, not \{'validation': True\}"):
        run(digits, output, "--epochs", "1", "--runs", "paper", "--validation")
    changed = error_rates.replace(error_rates.RECIPES["default"], lr=0.5)
    monkeypatch.setitem(error_rates.RECIPES, "default", changed)
    with pytest.raises(SystemExit, match=r"'lr': 0.00\d+\}, not \{'lr': 0.5\}"):
        run(digits, output, "--seeds", "2", "--epochs", "1", "--runs", "default")
    assert output.read_bytes() == before


@pytest.mark.parametrize(("change", "message"), [
    ("speed=3", "--set takes NAME=VALUE with a name of loss, j, .*; got 'speed=3' for default"),
    ("translation=3", "got 'translation=3' for default"),
    ("lr=fast", "could not convert string to float: 'fast'"),
    ("loss=hinge", "loss must be one of rbf, map, softmax, got 'hinge'"),
])  # fmt: skip
def test_changes_that_mean_nothing_are_refused(digits, tmp_path, change, message):
    with pytest.raises(SystemExit, match=message):
        run(digits, tmp_path / "rates.jsonl", "--runs", "default", "--set", change)
    assert not list(tmp_path.iterdir())


def test_changes_are_part_of_the_run():
    changed = error_rates.Run.named("default+distort", ["lr=0.004", "translation=2"], validation=True)
    assert changed.name == "default+distort lr=0.004 translation=2"
    settings = changed.settings()
    assert (settings["lr"], settings["distortion"]["translation"], settings["validation"]) == (0.004, 2.0, True)


def test_digits_are_distorted_as_the_recipe_says():
    own = mc.training.RECIPES["long"].distortion
    assert error_rates.Run.named("long+distort").distortion == own != mc.data.Distortion()
    assert error_rates.Run.named("long").distortion is None
    assert error_rates.Run.named("paper+distort").distortion == mc.data.Distortion()


def test_with_an_average_the_averaged_network_is_the_result(digits, tmp_path):
    networks = tmp_path / "networks"
    run(
        digits,
        tmp_path / "rates.jsonl",
        *SHORT[:4],
        "--runs",
        "default",
        "--set",
        "average=0.9",
        "--networks",
        str(networks),
    )
    (line, _) = [json.loads(line) for line in (tmp_path / "rates.jsonl").read_text().splitlines()]
    plain = error_rates.Run.named("default", passes=1)(0, digits, tmp_path)
    assert line["test_errors_without_average"] == plain["test_errors"] and line["settings"]["average"] == 0.9
    kept = mc.models.lenet5().load(networks / "default average=0.9-0.npz")
    _, test = mc.data.load_mnist(digits, progress=False)
    assert mc.training.evaluate(kept, test).error_rate == line["test_error"] == line["test_errors"][-1]


@pytest.mark.parametrize("option", ["--seeds", "--jobs", "--epochs"])
def test_counts_below_one_are_refused(digits, tmp_path, capsys, option):
    with pytest.raises(SystemExit):
        run(digits, tmp_path / "rates.jsonl", option, "0")
    assert "must be at least 1" in capsys.readouterr().err


def test_lines_of_another_process_stay(tmp_path):
    line = {"run": "default", "settings": error_rates.Run.named("default").settings()}
    ours, theirs = (error_rates.Results(tmp_path / "rates.jsonl") for _ in range(2))
    ours.lacking([], range(5)), theirs.lacking([], range(5))
    theirs.add({**line, "seed": 1})
    ours.add({**line, "seed": 0})
    assert [line["seed"] for line in theirs.lines()] == [0, 1]
    assert [seed for _, seed in ours.lacking([error_rates.Run.named("default")], range(4))] == [2, 3]


@pytest.mark.slow
def test_the_networks_of_all_seeds_answer_together(digits, tmp_path):
    output, networks = tmp_path / "rates.jsonl", tmp_path / "networks"
    run(digits, output, *SHORT, "--networks", str(networks))
    assert len(list(networks.iterdir())) == 4
    lines = [json.loads(line) for line in (tmp_path / "ensembles.jsonl").read_text().splitlines()]
    assert [(line["run"], line["seed"]) for line in lines] == [("default", 2), ("default+distort", 2)]
    trained = [json.loads(line) for line in output.read_text().splitlines()]
    assert [error for line in lines for error in line["alone"]] == [line["test_error"] for line in trained]
    table = error_rates.table(trained, lines[:1]).splitlines()
    assert table[0].endswith("| all seeds' networks together |")
    assert table[2].endswith(f"| {lines[0]['test_error']:.2%} |") and table[3].endswith("| – |")
    run(digits, output, "--epochs", "1", "--runs", "default", "--seeds", "3")  # whose third network is not kept
    run(digits, output, "--epochs", "1", "--runs", "default", "--seeds", "3", "--networks", str(networks))
    assert len((tmp_path / "ensembles.jsonl").read_text().splitlines()) == 2


def test_the_picture_has_a_panel_for_each_run_that_learnt(tmp_path):
    pytest.importorskip("matplotlib")
    curves = {"test_errors": [0.03, 0.02], "train_errors": [0.04, 0.01]}
    lines = [{"run": name, "test_error": error, **curves} for name, error in
             (("default", 0.02), ("default", 0.021), ("paper", 0.9), ("default+distort", 0.02))]  # fmt: skip
    error_rates.draw(lines, tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
