"""``minicnn exercises``: table, JSON, exit status, --watch."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from solutions import BY_HAND, ENGINE, FOLDER, fill

from minicnn import sources
from minicnn.exercises import EXERCISES
from minicnn.exercises import __main__ as command

COMMAND = [sys.executable, "-m", "minicnn", "exercises"]


def run(*arguments, cwd=None):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, encoding="utf-8", timeout=600)


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
    others = f"1 wrong, {len(EXERCISES) - 3} not started, 1 missing"
    assert lines[-1] == f"1 of {len(EXERCISES)} passed, {others}. Next: ex02_squash_backward.py"
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
    assert f"{len(EXERCISES)} of {len(EXERCISES)} passed. Well done." in done.stdout
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


def test_an_installed_package_says_how_to_copy_them_and_then_finds_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    assert command.main(["--only", "1"], "minicnn exercises") == 2
    assert capsys.readouterr().err.endswith("to copy them to examples:\n    minicnn exercises --copy\n")
    assert command.main(["--copy"], "minicnn exercises") == 0
    said = capsys.readouterr().out
    assert f"copied to examples: {len(EXERCISES)} exercises and " in said
    assert command.main(["--only", "1"], "minicnn exercises") == 1
    assert "not started" in capsys.readouterr().out


def test_a_copy_is_whole_and_keeps_what_is_there(tmp_path):
    done = run("--copy", tmp_path / "work")
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(tmp_path / "work") for path in (tmp_path / "work").rglob("*") if path.is_file()}
    home = FOLDER.parent
    here = {path.relative_to(home) for path in home.rglob("*") if path.suffix in (".py", ".ipynb")}
    assert names == here - {Path("__init__.py")}
    for name in names:
        assert (tmp_path / "work" / name).read_bytes() == (home / name).read_bytes()
    solved, lost = (tmp_path / "work" / "exercises" / name for name in ("ex03_im2col.py", "ex04_col2im.py"))
    solved.write_text("my work")
    lost.unlink()
    done = run("--copy", tmp_path / "work")
    assert done.returncode == 0 and "1 exercise and 0 other files" in done.stdout
    assert re.search(r"kept as they were, for they differ: \S+ex03_im2col\.py$", done.stdout, re.M)
    assert solved.read_text() == "my work" and lost.exists()


def test_the_module_is_the_same_command(folder):
    done = subprocess.run([sys.executable, "-m", "minicnn.exercises", "--only", "1"], cwd=folder, capture_output=True)
    assert done.returncode == 0 and b"1 of 1 passed" in done.stdout


def test_the_table_fits_a_terminal_of_80_columns(folder):
    (folder / "ex10_second_derivative.py").unlink()
    longest = max(EXERCISES, key=lambda exercise: len(exercise.file))
    command = [*COMMAND, "--only", "1", "2", "10", str(longest.number)]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8",
                          env={**os.environ, "COLUMNS": "80"})  # fmt: skip
    assert "WRONG" in done.stdout and "MISSING" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [["--only", "99"], ["--time-limit", "0"], ["--time-limit", "x"], ["--wat"]])
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


def test_hints_lead_from_a_nudge_to_the_formula():
    first, third = run("--only", 1, "--hint", 1).stdout, run("--only", 1, "--hint", 3).stdout
    assert "hint 1" in first and "hint 2" not in first and "W^T dy" not in first
    assert third.startswith(first) and "hint 3" in third and "W^T dy" in third
    done = run("--hint", 1)
    assert done.returncode == 2 and "--hint needs --only" in done.stderr


def test_strict_says_what_it_does_not_count(folder):
    (folder / "ex02_squash_backward.py").write_text(fill("ex02_squash_backward.py", ENGINE["ex02_squash_backward.py"]))
    assert "passed, by minicnn's own code" in run(folder, "--only", 2).stdout
    done = run(folder, "--only", 2, "--strict")
    assert done.returncode == 1
    assert "does not count here" in done.stdout


def test_a_report_has_a_line_for_each_student(folder, tmp_path):
    class_folder = tmp_path / "class"
    shutil.copytree(folder, class_folder / "Ada")
    (class_folder / "=Bob").mkdir()
    solved = fill("ex02_squash_backward.py", ENGINE["ex02_squash_backward.py"])
    (class_folder / "=Bob" / "ex02_squash_backward.py").write_text(solved, encoding="utf-8")
    (class_folder / "no student").mkdir()
    done = run("--report", tmp_path / "class.csv", class_folder, "--only", 1, 2)
    assert done.returncode == 1, done.stderr
    assert "2 students" in done.stdout
    with open(tmp_path / "class.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    bob, ada = lines
    assert (bob["student"], ada["student"]) == ("'=Bob", "Ada")
    assert all((line["passed"], line["total"]) == ("1", "2") for line in lines)
    assert (bob["uses_engine"], ada["uses_engine"]) == ("2", "")
    assert (bob["ex01_linear_backward"], bob["ex02_squash_backward"]) == ("missing", "passed")
    assert (ada["ex01_linear_backward"], ada["ex02_squash_backward"]) == ("passed", "wrong: value")


def test_a_report_needs_a_folder_of_folders(folder, tmp_path):
    done = run("--report", tmp_path / "class.csv", folder)
    assert done.returncode == 2 and "a folder for each student" in done.stderr
    assert not (tmp_path / "class.csv").exists()
    assert run("--report", "class.csv", "--watch").returncode == 2


def test_the_document_lists_every_field_of_the_json(folder):
    fields = json.loads(run(folder, "--json", "--only", 2).stdout)
    document = (FOLDER.parents[1] / "docs" / "exercises.md").read_text(encoding="utf-8")
    for name in [*fields, *fields["exercises"][0]]:
        assert f"`{name}`" in document, name
