"""The main job beside others, ended by signals, and with checkpoints and places that are not what they should be."""

import os
import re
import signal
import sys
import time

import numpy as np
import pytest

import minicnn as mc

SCRIPT = "lenet5_mnist.py"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and locks")
SETTINGS = {name: value for name, value in mc.training.RECIPES["default"].settings().items()
            if name not in ("optimizer", "schedule")}  # fmt: skip
SETTINGS |= {"recipe": "default", "distort": False, "data": None, "epochs": 1, "backend": None, "seed": 0, "threads": 1}


@pytest.mark.slow
def test_runs_that_start_at_once_get_a_directory_each(start, tmp_path):
    how = "--epochs", 1, "--no-plots", "--threads", 1
    runs = [start(SCRIPT, *how, "--seed", seed, cwd=tmp_path) for seed in range(3)]
    outputs = [run.communicate(timeout=600) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    places = [re.search(r"^checkpoint: +(.*)$", output, re.M)[1] for output, _ in outputs]
    assert len(set(places)) == 3
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["lenet5", "lenet5-2", "lenet5-3"]
    for seed, place in enumerate(places):
        assert mc.training.read_facts(tmp_path / place)[1]["config"]["seed"] == seed


@POSIX
def test_a_directory_in_use_is_refused_and_sigterm_ends_as_cleanly_as_ctrl_c(start, run, tmp_path):
    with start(SCRIPT, "--epochs", 1000, "--output", "out", cwd=tmp_path) as first:
        for line in first.stdout:
            if line.startswith("epoch    1/1000"):
                break
        code, _, errors = run(SCRIPT, "--epochs", 1, "--output", "out", cwd=tmp_path)
        assert code == 1 and re.fullmatch(r"error: .*another run writes there: 'out'\n", errors)
        first.send_signal(signal.SIGTERM)
        _, errors = first.communicate(timeout=600)
    assert first.returncode == 143 and "Traceback" not in errors and "stopped in epoch" in errors
    facts = mc.training.read_facts(tmp_path / "out" / "checkpoint.npz")[1]
    assert f"stopped in epoch {facts['progress']['epoch'] + 1} of 1000" in errors
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["checkpoint.npz", "history.jsonl"]


@POSIX
def test_a_closed_terminal_ends_a_run_cleanly(start, tmp_path):
    """SIGHUP, and from then on nobody reads what the run says."""
    with start(SCRIPT, "--epochs", 1000, "--output", "out", cwd=tmp_path) as process:
        for line in process.stdout:
            if line.startswith("epoch    1/1000"):
                break
        process.stdout.close()
        process.stderr.close()
        os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(timeout=600) == 129
    mc.training.read_facts(tmp_path / "out" / "checkpoint.npz")


@POSIX
@pytest.mark.parametrize("script", [SCRIPT, "lenet_modern.py", "train_pretrained.py"])
def test_ctrl_c_while_importing_shows_no_traceback(script, start, environment, tmp_path):
    (tmp_path / "numpy").mkdir()
    waits = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "numpy" / "__init__.py").write_text(waits)
    paths = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
    with start(script, cwd=tmp_path, env={**environment, "PYTHONPATH": paths}) as process:
        assert process.stdout.readline() == "importing\n"
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        assert time.monotonic() - asked < 30
    assert process.returncode == -signal.SIGINT and errors == ""  # which a shell shows as 130


@pytest.mark.parametrize("name, value, words", [
    ("epochs", "many", "argument --epochs: invalid int value: 'many'"),
    ("lr", [1], r"argument --lr: invalid value: \[1\]"),
    ("loss", "hinge", "argument --loss: invalid choice: 'hinge'"),
    ("distort", 3, "argument --distort: invalid value: 3"),
])  # fmt: skip
def test_settings_of_a_checkpoint_are_looked_at_as_if_they_were_typed(name, value, words, run, tmp_path):
    net = mc.Sequential([mc.Linear(2, 2)])
    optimizer, task = mc.optim.SGD(net.parameters(), 0.1), {"samples": 4000, "batch_size": 64}
    path = tmp_path / "c.npz"
    mc.training.save_checkpoint(path, net, optimizer, {"epoch": 0, "batch": 0}, task, {**SETTINGS, name: value})
    code, _, errors = run(SCRIPT, "--resume", path, cwd=tmp_path)
    assert code == 1 and re.match(rf"error: .*c\.npz is damaged: among its settings, {words}", errors), errors


def test_a_place_that_cannot_be_written_is_found_before_training(run, tmp_path):
    (tmp_path / "file").touch()
    code, output, errors = run(SCRIPT, "--epochs", 1, "--output", "file/out", cwd=tmp_path)
    assert code == 1 and re.match("error: .*file", errors) and "epoch 1/1" not in output


def test_other_data_do_not_go_on(run, tmp_path):
    train, test = mc.data.load_sample()
    for part, digits in (("train", train), ("t10k", test)):
        images = np.ascontiguousarray(digits.images[:, ::-1])
        mc.data.write_idx(tmp_path / "data" / f"{part}-images-idx3-ubyte", images)
        mc.data.write_idx(tmp_path / "data" / f"{part}-labels-idx1-ubyte", digits.labels)
    assert run(SCRIPT, "--epochs", 1, "--no-plots", "--output", "out", cwd=tmp_path)[0] == 0
    how = "--resume", "out/checkpoint.npz", "--epochs", 2, "--data", "data", "--output", "more"
    code, _, errors = run(SCRIPT, *how, cwd=tmp_path)
    words = r"^error: out/checkpoint\.npz was trained with data \w+ of MNIST's sample, this run has \w+ of data$"
    assert code == 1 and re.search(words, errors, re.M)
    assert not (tmp_path / "more").exists()
