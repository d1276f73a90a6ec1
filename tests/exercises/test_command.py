"""``python -m minicnn.exercises``: table, JSON, exit status, --watch."""

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest
from solutions import BY_HAND, FOLDER, fill

COMMAND = [sys.executable, "-m", "minicnn.exercises"]


def run(*arguments, cwd=None):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, encoding="utf-8", timeout=120)


@pytest.fixture
def folder(tmp_path):
    """A student's own copy of the exercises, the first one solved, the second one wrong."""
    copy = tmp_path / "my exercises ü"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    first, second = "ex01_linear_backward.py", "ex02_squash_backward.py"
    (copy / first).write_text(fill(first, BY_HAND[first]), encoding="utf-8")
    (copy / second).write_text(fill(second, {"squash_backward": "return A * S * (1 - y**2) * dy"}), encoding="utf-8")
    return copy


def test_the_table(folder):
    (folder / "ex10_second_derivative.py").unlink()
    done = run(folder)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert any("Linear.backward" in line and "passed" in line for line in lines)
    assert any("squash slope" in line and "WRONG" in line for line in lines)
    assert any("likely:" in line and "not divided by A" in line for line in lines)
    assert any("col2im" in line and "not started" in line for line in lines)
    assert any("diagonal second derivative" in line and "MISSING" in line for line in lines)
    assert lines[-1] == "1 of 10 passed, 1 wrong, 7 not started, 1 missing. Next: ex02_squash_backward.py"
    assert max(map(len, lines)) <= 120
    assert "\033" not in done.stdout


def test_json_has_everything_that_the_table_says(folder):
    done = run(folder, "--json", "--only", 1, 2, 3)
    result = json.loads(done.stdout)
    assert (done.returncode, result["passed"], result["total"]) == (1, 1, 3)
    first, second, third = result["exercises"]
    assert (first["status"], third["status"]) == ("passed", "not started")
    assert second["reason"] == "value"
    assert second["array"] == "da"
    assert isinstance(second["expected"], float) and isinstance(second["got"], float)
    assert len(second["index"]) == 2


def test_json_is_valid_where_numbers_are_not(folder):
    (folder / "ex02_squash_backward.py").write_text("def squash_backward(y, dy):\n    return dy * float('inf')\n")
    done = run(folder, "--json", "--only", 2)
    result = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert result["exercises"][0]["got"] in ("inf", "-inf")


def test_exit_status_0_only_if_all_pass(folder):
    for file, bodies in BY_HAND.items():
        (folder / file).write_text(fill(file, bodies), encoding="utf-8")
    done = run(folder)
    assert done.returncode == 0
    assert "10 of 10 passed. Well done." in done.stdout
    assert run(folder, "--only", 4).returncode == 0


def test_the_current_directory_comes_first(folder):
    assert "1 of 1 passed" in run("--only", 1, cwd=folder).stdout


def test_without_a_folder_the_checkout_own_exercises_are_found(tmp_path):
    assert "not started" in run("--only", 1, cwd=tmp_path).stdout


def test_a_folder_that_is_not_there(tmp_path):
    done = run(tmp_path / "nowhere")
    assert done.returncode == 2
    assert "There is no folder" in done.stderr
    done = run(tmp_path)
    assert done.returncode == 2
    assert "holds none of the exercises" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_package_without_examples_says_where_they_are(tmp_path, monkeypatch, capsys):
    from minicnn.exercises import __main__ as command

    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command.main([]) == 2
    assert "come with minicnn's source" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--only", "11"], ["--time-limit", "0"], ["--time-limit", "x"], ["--wat"]])
def test_bad_arguments(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_watch_checks_a_file_again_when_it_is_saved(folder):
    process = subprocess.Popen([*COMMAND, str(folder), "--only", "1", "2", "--watch"], stdout=subprocess.PIPE,
                               encoding="utf-8", env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    stop = threading.Timer(60, process.kill)
    stop.start()
    try:
        assert "1 of 2 passed" in read_until(process, "Watching")
        text = fill("ex02_squash_backward.py", BY_HAND["ex02_squash_backward.py"])
        new = folder / "ex02_squash_backward.py.new"
        new.write_text(text, encoding="utf-8")
        new.replace(folder / "ex02_squash_backward.py")  # as many editors save
        assert "2 of 2 passed" in read_until(process, "Watching")
        (folder / "ex01_linear_backward.py").unlink()
        assert "1 of 2 passed, 1 missing" in read_until(process, "Watching")
    finally:
        stop.cancel()
        process.kill()
        process.communicate()


def read_until(process, word):
    text = ""
    for line in process.stdout:
        text += line
        if word in line:
            return text
    pytest.fail(f"ended before {word!r}: {text}")
