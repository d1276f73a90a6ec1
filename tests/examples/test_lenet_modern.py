"""The log lines of the script that it repeats, character by character."""

import json
import re

import pytest

SCRIPT = "lenet_modern.py"


@pytest.mark.slow
def test_the_two_line_formats(run, tmp_path):
    status, output, errors = run(SCRIPT, "--epochs", 2, "--history", "h.jsonl", cwd=tmp_path)
    assert (status, errors) == (0, "")
    first, *epochs, last = output.splitlines()
    assert "the bundled sample" in first
    records = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    values = [(r["epoch"], r["train_loss"], 100 * (1 - r["train_error"]), r["seconds"]) for r in records]
    assert epochs == ["[%d/2] Loss: %.5f, Acc: %.2f, Time: %.1f s" % numbers for numbers in values]
    loss, accuracy = map(float, re.fullmatch(r"Test: Loss: (\d+\.\d{5}), Acc: (\d+\.\d\d) %", last).groups())
    assert loss < records[0]["train_loss"] and accuracy > 50


def test_bad_input(run, tmp_path):
    for arguments, message in ((("--epochs", 0), "error: epochs must be at least 1, got 0\n"),
                               (("--threads", 0), "error: threads must be at least 1, got 0\n"),
                               (("--data", "nowhere"), "error: .*nowhere.*\n")):  # fmt: skip
        status, _, errors = run(SCRIPT, *arguments, cwd=tmp_path)
        assert status == 1 and re.fullmatch(message, errors), errors


def test_a_rate_that_is_too_large(run, tmp_path):
    status, _, errors = run(SCRIPT, "--lr", 100, "--threads", 2, cwd=tmp_path)
    assert status == 1
    assert re.fullmatch(r"error: the loss is \S+ in epoch 1, batch \d+, at lr 100: try a smaller lr\n", errors), errors
