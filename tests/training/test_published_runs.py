"""tests/benchmarks/published_runs.py: others' single runs beside ours, and a file that says what is done."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import published_runs

CURVES = {"train_losses": [0.5] * 50, "train_accuracies": [0.9] * 50}


def lines():
    for seed, share in enumerate((0.95, 0.96)):
        for name in ("eblearn", "eblearn, its pixels"):
            yield {"run": name, "seed": seed, "train_accuracy": 0.97, "test_accuracy": share}
        yield {"run": "modern", "seed": seed, "test_loss": 0.07 + seed / 100, "test_accuracy": share, **CURVES}


def test_tables_put_ours_beside_theirs():
    table = published_runs.eblearn_table(list(lines()))
    assert "| EBLearn, one run | 97.15% | 95.80% |" in table
    assert "of 2 seeds | 97.00% ± 0.00% | 95.50% ± 0.71% |" in table
    table = published_runs.modern_table(list(lines()))
    assert "| 50 | 0.00965, 99.65% | 0.50000 (0.50000–0.50000) | 90.00% (90.00%–90.00%) |" in table
    assert "| test digits | 0.07444, 98.46% | 0.07500 (0.07000–0.08000) | 95.50% (95.00%–96.00%) |" in table


def test_what_is_done_is_not_done_again(tmp_path, capsys):
    output = tmp_path / "runs.jsonl"
    output.write_text("".join(json.dumps(line) + "\n" for line in lines()))
    before = output.read_bytes()
    published_runs.main(["--seeds", "2", "--output", str(output), "--data", str(tmp_path / "nowhere")])
    printed = capsys.readouterr().out
    assert "seed" not in printed.split("|")[0] and "| EBLearn, one run |" in printed and "| test digits |" in printed
    assert output.read_bytes() == before and sorted(path.name for path in tmp_path.iterdir()) == ["runs.jsonl"]


def test_without_data_it_says_so(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*nowhere"):
        published_runs.main(["--output", str(tmp_path / "runs.jsonl"), "--data", str(tmp_path / "nowhere")])


def test_eblearns_network_learns_its_targets(tmp_path, monkeypatch):
    """The nearest target is that of the largest unit; a pass over a few digits already tells them apart."""
    train, test = mc.data.load_sample()
    filled = mc.data.Dataset(np.resize(test.images, (5500, 28, 28)), np.resize(test.labels, 5500))
    monkeypatch.setattr(mc.data, "load_mnist", lambda *path, **how: (train, filled))
    said = published_runs.eblearn(0, None, tmp_path)
    assert said["train_accuracy"] > 0.9 and 0.85 < said["test_accuracy"] <= 1
