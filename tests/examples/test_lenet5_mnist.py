"""The main job, as a user runs it."""

import json
import os
import re
import signal
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest

import minicnn as mc
from minicnn.cli.train import Job
from minicnn.serialization import save_npz
from minicnn.training.fingerprint import data_digest

SCRIPT = "lenet5_mnist.py"
PICTURES = ("learning_curves", "confusion_matrix", "filters_c1", "filters_c3", "feature_maps", "f6_and_prototype",
            "misclassified")  # fmt: skip
SETTINGS = {name: value for name, value in mc.training.RECIPES["default"].settings().items()
            if name not in ("optimizer", "schedule")}  # fmt: skip
SETTINGS |= {"recipe": "default", "distort": False, "data": None, "epochs": 1, "backend": None, "seed": 0, "threads": 1}


LOOPS = mc.backend.get("auto").name == "numpy" and find_spec("numba") is not None


def epochs_of(history):
    return [json.loads(line)["epoch"] for line in history.read_text().splitlines()]


def fails_with(result, status, message):
    """Whether a run ended with this status and one clear line, no traceback."""
    code, _, errors = result
    assert code == status and "Traceback" not in errors and "Warning" not in errors, errors
    assert re.search(message, errors.splitlines()[-1]), errors
    return True


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """(directory, exit status, stdout, stderr) of a run of two epochs."""
    cwd = tmp_path_factory.mktemp("trained")
    return cwd / "out", *run(SCRIPT, "--epochs", 2, "--batch-size", 50, "--output", "out", cwd=cwd)


def test_it_says_what_it_uses_and_why(trained):
    _, status, output, _ = trained
    assert status == 0
    assert re.search(r"^backend:  numpy \(.+\)|^backend:  cupy \(.+\)", output, re.M)
    assert re.search(r"^data:     the bundled sample .*MINICNN_OFFLINE.*not comparable with MNIST's$", output, re.M)
    assert "4,000 training images, 1,000 test images of 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in output
    assert "recipe:   default (mini-batches" in output
    how = ("{loss} loss with j {j:g}, SGD with lr {lr:g} falling, momentum {momentum:g}, "
           "weight decay {weight_decay:g}").format(**SETTINGS)  # fmt: skip
    assert f"training: 2 epochs in batches of 50, {how}, seed 0" in output
    assert mc.models.lenet5().summary((1, 32, 32)) in output


def test_output_to_a_file_has_a_line_an_epoch_and_no_bar(trained):
    _, _, output, errors = trained
    epochs = re.findall(r"^epoch (\d)/2  train loss [\d.]+  test loss [\d.]+  test error [\d.]+%  (?:\d+ ms|[\d.]+ s)$",
                        output, re.M)  # fmt: skip
    assert epochs == ["1", "2"] and "\r" not in output + errors and errors == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("recipe", ["default", pytest.param("paper", marks=pytest.mark.slow)])
def test_a_terminal_of_80_columns_shows_all_of_the_bar_and_keeps_a_line_an_epoch(recipe, on_a_terminal, tmp_path):
    how = "--epochs", 2, "--recipe", recipe, "--output", "out", "--threads", 1
    status, shown = on_a_terminal(80, SCRIPT, *how, cwd=tmp_path)
    assert status == 0
    assert max(len(piece) for piece in re.split("[\r\n]+", shown)) <= 80
    for epoch in (1, 2):
        assert re.search(rf"\repoch {epoch}/2: +\d+%\|.*\| *[\d:?]+ .* images/s, loss [\d.]+, error [\d.]+%", shown)
        assert len(re.findall(rf"^epoch {epoch}/2  train loss", as_it_stays(shown), re.M)) == 1
    assert "%|" not in as_it_stays(shown)


def as_it_stays(shown):
    """What a terminal shows in the end: a carriage return goes back to the beginning of the line."""
    lines = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        stays = ""
        for piece in line.split("\r"):
            stays = piece + stays[len(piece) :]
        lines.append(stays.rstrip())
    return "\n".join(lines)


def test_it_ends_with_the_result_and_where_everything_lies(trained):
    directory, _, output, _ = trained
    net = mc.models.lenet5().load(directory / "checkpoint.npz")
    result = mc.training.evaluate(net, mc.data.load_sample()[1])
    line = f"test error: {result.error_rate:.2%}, {result.errors} of 1,000 wrong (on the sample: not comparable"
    assert line in output
    matrix = output[output.index("confusion matrix") :].splitlines()[2:12]
    assert [[int(count) for count in row.split()[1:]] for row in matrix] == result.confusion.tolist()
    assert epochs_of(directory / "history.jsonl") == [1, 2]
    for name in ("checkpoint.npz", "history.jsonl"):
        assert f" {os.path.join('out', name)}\n" in output


def test_every_picture_is_there(trained):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    directory, _, output, _ = trained
    assert sorted(path.stem for path in directory.glob("*.png")) == sorted(PICTURES)
    for name in PICTURES:
        assert f" {os.path.join('out', name)}.png\n" in output
        height, width = imread(directory / f"{name}.png").shape[:2]
        assert width >= 1900 and height >= 700


def test_resuming_takes_the_settings_along_and_goes_on(trained, run, tmp_path):
    checkpoint = trained[0] / "checkpoint.npz"
    how = "--resume", checkpoint, "--output", "more", "--epochs", 3, "--no-plots"
    status, output, _ = run(SCRIPT, *how, cwd=tmp_path)
    assert status == 0 and "training: 3 epochs in batches of 50" in output
    assert f"resumed:  from {checkpoint}, 2 of 3 epochs done\n" in output
    assert re.findall(r"^epoch (\d)/3", output, re.M) == ["3"]
    assert epochs_of(tmp_path / "more" / "history.jsonl") == [1, 2, 3]
    assert not list((tmp_path / "more").glob("*.png"))


def test_resuming_a_complete_run_says_so(trained, run, tmp_path):
    status, output, errors = run(SCRIPT, "--resume", trained[0] / "checkpoint.npz", "--no-plots", cwd=tmp_path)
    assert status == 0 and errors == ""
    assert "2 of 2 epochs done: training is complete, --epochs N would go on to N" in output
    assert re.search(r"test error: .*", output).group() == re.search(r"test error: .*", trained[2]).group()


@pytest.mark.slow
def test_the_papers_recipe_and_distortions(run, tmp_path):
    how = "--recipe", "paper", "--distort", "--epochs", 2, "--output", "out"
    status, output, _ = run(SCRIPT, *how, cwd=tmp_path)
    assert status == 0 and (tmp_path / "out" / "distortions.png").exists() == (find_spec("matplotlib") is not None)
    assert "2 epochs in batches of 1, map loss with j 10, SDLM with lr 0.0005 falling" in output
    assert "1 epochs" not in output
    assert "images distorted anew in every epoch" in output
    assert len(re.findall(r"steps \d\.\de-\d+ to \d\.\de-\d+", output)) == 2
    error = float(re.search(r"test error: ([\d.]+)%", output).group(1))
    assert error < 15
    how = "--resume", tmp_path / "out" / "checkpoint.npz", "--epochs", 3, "--no-plots"
    status, output, _ = run(SCRIPT, *how, cwd=tmp_path)
    assert status == 0 and "recipe:   paper (as published" in output and "distorted anew" in output


def test_digits_are_distorted_as_the_recipe_says():
    for name, recipe in mc.training.RECIPES.items():
        assert Job(["--recipe", name, "--distort", "--quiet"], "").augment == recipe.distortion
        assert Job(["--recipe", name, "--quiet"], "").augment is None
    assert len({recipe.distortion for recipe in mc.training.RECIPES.values()}) > 1


def test_a_recipe_that_is_no_more(trained, run, tmp_path):
    arrays, facts = mc.training.read_facts(trained[0] / "checkpoint.npz")
    facts["config"]["recipe"] = "paper-steady"
    save_npz(tmp_path / "old.npz", arrays, facts)
    asked = SCRIPT, "--resume", tmp_path / "old.npz", "--no-plots"
    assert fails_with(run(*asked, cwd=tmp_path), 2, "recipe 'paper-steady', which is not in this version")
    assert run(*asked, "--recipe", "default", cwd=tmp_path)[0] == 0


def test_quiet_prints_the_test_error_only_and_no_run_overwrites_another(run, tmp_path):
    (tmp_path / "runs" / "lenet5").mkdir(parents=True)
    (tmp_path / "runs" / "lenet5" / "checkpoint.npz").touch()
    status, output, errors = run(SCRIPT, "--quiet", "--no-plots", "--epochs", 1, cwd=tmp_path)
    assert (status, errors) == (0, "") and re.fullmatch(r"test error: .*\n", output)
    written = (tmp_path / "runs" / "lenet5-2").iterdir()
    assert sorted(path.name for path in written) == ["checkpoint.npz", "history.jsonl"]


def test_without_matplotlib_only_the_pictures_are_missing(run, environment, tmp_path):
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('there is none here')")
    paths = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
    status, output, errors = run(SCRIPT, "--epochs", 1, "--output", "out", cwd=tmp_path,
                                 env={**environment, "PYTHONPATH": paths})  # fmt: skip
    assert status == 0 and "Traceback" not in errors
    why = r'pictures need matplotlib \(pip install -e "\S+\[plot\]"\): there is none here'
    assert re.search(rf"^pictures:   none; {why}$", output, re.M)
    assert (tmp_path / "out" / "checkpoint.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("threads", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_ctrl_c_ends_cleanly_and_the_run_goes_on_from_there(threads, start, run, tmp_path):
    with open(tmp_path / "errors", "w+", encoding="utf-8") as errors:
        process = start(SCRIPT, "--epochs", 1000, "--threads", threads, "--output", "out", cwd=tmp_path, stderr=errors)
        try:
            for line in process.stdout:
                if line.startswith("epoch    2/1000"):
                    break
            time.sleep(0.05)  # into the third epoch
            asked = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
            process.communicate(timeout=600)
            assert time.monotonic() - asked < 10
        finally:
            process.kill()
        errors.seek(0)
        said = errors.read()
    history, checkpoint = tmp_path / "out" / "history.jsonl", tmp_path / "out" / "checkpoint.npz"
    done = epochs_of(history)
    assert process.returncode == 130 and "Traceback" not in said
    assert f"stopped in epoch {len(done) + 1} of 1000; to go on:" in said
    assert f"--resume {os.path.join('out', 'checkpoint.npz')}\n" in said
    status, output, _ = run(SCRIPT, "--resume", checkpoint, "--epochs", len(done) + 1, "--no-plots", cwd=tmp_path)
    assert status == 0 and f"{len(done)} of {len(done) + 1} epochs done" in output
    assert epochs_of(history) == [*done, len(done) + 1]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.slow
@pytest.mark.skipif(not LOOPS, reason="nothing is compiled without Numba")
@pytest.mark.parametrize("seconds", [0.5, 4])
def test_ctrl_c_while_loops_are_compiled_ends_as_cleanly_and_at_once(seconds, start, environment, tmp_path):
    kept = {**environment, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    with start(SCRIPT, "--epochs", 1000, "--output", "out", cwd=tmp_path, env=kept) as process:
        for line in process.stdout:
            if line.startswith("total"):  # the last line of the layer table
                break
        time.sleep(seconds)  # compiling takes ten
        asked = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        assert time.monotonic() - asked < 5
    assert process.returncode == 130 and "Traceback" not in errors, errors


@pytest.mark.slow
@pytest.mark.skipif(not LOOPS, reason="nothing is compiled without Numba")
def test_the_first_run_says_that_it_compiles_before_it_does_and_the_next_one_does_not(start, environment, tmp_path):
    kept = {**environment, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    how = "--epochs", 1, "--quiet", "--no-plots", "--output", "out"
    started = time.monotonic()
    with start(SCRIPT, *how, cwd=tmp_path, env=kept) as process:
        line = process.stderr.readline()
        waited = time.monotonic() - started
        output, errors = process.communicate(timeout=600)
    assert line.startswith("minicnn compiles its loops for this processor")
    assert waited < (time.monotonic() - started) / 2
    assert process.returncode == 0 and errors == "" and output.startswith("test error: ")
    with start(SCRIPT, *how, cwd=tmp_path, env=kept) as process:
        assert process.communicate(timeout=600) == (output, "")


@pytest.mark.skipif(not LOOPS, reason="nothing is compiled without Numba")
def test_without_numba_it_says_once_what_would_help_and_trains_in_plain_numpy(run, environment, tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ModuleNotFoundError('none here', name='numba')")
    paths = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
    status, output, errors = run(SCRIPT, "--epochs", 1, "--output", "out", "--no-plots", cwd=tmp_path,
                                 env={**environment, "PYTHONPATH": paths})  # fmt: skip
    assert status == 0 and "plain NumPy" in output and "Traceback" not in errors
    (line,) = re.findall("^minicnn .*", errors, re.M)
    why = r'for Numba is not installed: pip install -e "\S+\[fast\]" trains several times faster'
    assert re.fullmatch(f"minicnn computes in plain NumPy, {why}", line)


def test_a_checkpoint_of_version_0_1_goes_on(trained, run, tmp_path):
    """It had worker processes, and did not say in which order its velocities are."""
    with np.load(trained[0] / "checkpoint.npz") as archive:
        arrays = dict(archive)
    facts = json.loads(str(arrays.pop("__facts__")))
    del facts["vectors"], facts["config"]["threads"], facts["config"]["dropout"]
    facts["format"], facts["config"]["workers"] = "minicnn-1", 2
    facts["task"] = {name: facts["task"][name] for name in ("samples", "batch_size")}
    np.savez(tmp_path / "old.npz", __facts__=json.dumps(facts), **arrays)
    how = "--resume", "old.npz", "--epochs", 3, "--no-plots", "--output", "more"
    status, output, errors = run(SCRIPT, *how, cwd=tmp_path)
    assert status == 0, errors
    assert "2 of 3 epochs done" in output and re.findall(r"^epoch (\d)/3", output, re.M) == ["3"]
    config = mc.training.read_facts(tmp_path / "more" / "checkpoint.npz")[1]["config"]
    assert config["threads"] is None and config["dropout"] == 0 and "workers" not in config


def test_dropout_is_told_of_and_gone_on_with(run, tmp_path):
    how = "--no-plots", "--output", "out"
    status, output, errors = run(SCRIPT, "--dropout", 0.25, "--epochs", 1, *how, cwd=tmp_path)
    assert status == 0, errors
    assert "weight decay 0.01, dropout 0.25, seed 0" in output
    assert re.search(r"^S4 dropout +dropout 0.25 ", output, re.M)
    status, output, errors = run(SCRIPT, "--resume", "out/checkpoint.npz", "--epochs", 2, *how, cwd=tmp_path)
    assert status == 0, errors
    assert "dropout 0.25" in output and "1 of 2 epochs done" in output
    mc.models.lenet5().load(tmp_path / "out" / "checkpoint.npz")  # whoever predicts needs no dropout


@pytest.mark.parametrize("rate, message", [
    (10.0, r"^error: the mean loss of epoch 1 is [\d.]+, up from [\d.]+ before training: .* try a smaller --lr"),
    (1e20, r"^error: .* in epoch 1, batch \d+, at lr \S+: try a smaller lr$"),
])  # fmt: skip
def test_a_rate_that_is_too_large_ends_with_an_error(rate, message, run, tmp_path):
    result = run(SCRIPT, "--lr", rate, "--epochs", 2, "--threads", 1, "--output", "out", cwd=tmp_path)
    assert fails_with(result, 1, message)
    assert (tmp_path / "out" / "checkpoint.npz").exists() == (rate == 10.0)


@pytest.mark.parametrize("arguments, status, message", [
    (("--batch-size", 0), 2, "argument --batch-size: must be at least 1, got 0$"),
    (("--lr", "nan"), 2, "argument --lr: must be positive and finite, got nan$"),
    (("--weight-decay", "-1"), 2, "argument --weight-decay: must be at least 0 and finite, got -1$"),
    (("--epochs", "many"), 2, "argument --epochs: invalid int value: 'many'$"),
    (("--dropout", 1), 2, "argument --dropout: must be at least 0 and below 1, got 1$"),
    (("--threads", 0), 2, "argument --threads: must be at least 1, got 0$"),
    (("--loss", "hinge"), 2, "argument --loss: invalid choice: 'hinge'"),
    (("--output", "a_file"), 2, "argument --output: must be a directory, a_file is a file$"),
    (("--data", "nowhere"), 1, "^error: .*nowhere"),
    (("--resume", "nothing.npz"), 1, "^error: nothing.npz: there is no such file$"),
    (("--resume", "a_file"), 1, "^error: a_file cannot be read as a checkpoint: "),
    (("--resume", "arrays.npz"), 1, "^error: arrays.npz is an .npz file, but not one that minicnn wrote$"),
    (("--resume", "network.npz"), 1, "^error: network.npz holds parameters only, no training checkpoint"),
    (("--resume", "other_script.npz"), 1, "^error: other_script.npz is not from minicnn train: it has no recipe, loss"),
    (("--resume", "other_network.npz"), 1, "^error: other_network.npz is of another architecture: C1.weight"),
], ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "")  # fmt: skip
def test_bad_input_is_refused_in_one_line(arguments, status, message, run, tmp_path):
    (tmp_path / "a_file").write_text("hello")
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    net = mc.Sequential([mc.Linear(2, 2)])
    net.save(tmp_path / "network.npz")
    optimizer, progress = mc.optim.SGD(net.parameters(), 0.1), {"epoch": 0, "batch": 0}
    task = {"samples": 4000, "batch_size": 64, "data": data_digest(net.backend, mc.data.load_sample()[0])}
    mc.training.save_checkpoint(tmp_path / "other_script.npz", net, optimizer, progress, task, {})
    mc.training.save_checkpoint(tmp_path / "other_network.npz", net, optimizer, progress, task, SETTINGS)
    before = sorted(tmp_path.iterdir())
    assert fails_with(run(SCRIPT, *arguments, cwd=tmp_path), status, message)
    assert sorted(tmp_path.iterdir()) == before


def test_help_names_every_option(run, tmp_path):
    status, output, _ = run(SCRIPT, "--help", cwd=tmp_path)
    assert status == 0
    for option in ("data", "epochs", "batch-size", "lr", "momentum", "weight-decay", "loss", "dropout", "backend",
                   "seed", "threads", "output", "resume", "no-plots", "quiet"):  # fmt: skip
        assert re.search(rf"^  --{option}\b", output, re.M), option
