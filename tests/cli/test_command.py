"""The command ``minicnn``: its words, its help, its exit status, Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc
from minicnn import cli, sources
from minicnn.terminal import fitted

MODULES = {"minicnn": "minicnn", "minicnn.exercises": "minicnn exercises", "minicnn.page": "minicnn draw"}


def run(*arguments, **how):
    command = [sys.executable, "-m", "minicnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, **how)


def test_without_a_word_it_lists_all_of_them(capsys):
    assert cli.main([]) == 0
    output = capsys.readouterr().out
    for name, (_, about) in cli.COMMANDS.items():
        assert f"  {name}" in output and about in output


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"minicnn {mc.__version__}\n")


def test_another_word_is_refused_with_a_list(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["trian"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "invalid choice: 'trian'" in said and "train" in said


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_fits_a_terminal_of_80_columns(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    output = capsys.readouterr().out
    assert end.value.code == 0 and output.startswith("usage: ") and f" {name} " in output.splitlines()[0]
    assert max(map(len, output.splitlines())) <= 80


def test_it_is_a_module_too_and_says_so():
    done = run("--help")
    assert done.returncode == 0 and "python -m minicnn COMMAND --help says more" in done.stdout


def test_an_error_is_one_line(tmp_path):
    done = run("train", "--resume", "none.npz", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: none.npz: there is no such file\n")


def test_long_lines_are_broken_for_a_terminal_only(monkeypatch):
    class Stream:
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "40")
    text = "data:     " + " ".join(["word"] * 20) + "\nshort"
    assert fitted(text, None) == text
    lines = fitted(text, Stream(), indent=" " * 10).split("\n")
    assert max(map(len, lines)) <= 40 and lines[1].startswith(" " * 10 + "word") and lines[-1] == "short"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_while_importing_shows_no_traceback(module, tmp_path):
    with importing(["-m", module], tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGINT and errors == ""  # which a shell shows as 130


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_is_left_alone_in_other_peoples_programs(tmp_path):
    (tmp_path / "theirs.py").write_text("import minicnn\n")
    with importing([tmp_path / "theirs.py"], tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
    assert process.returncode != 0 and errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("started, then", [
    ("theirs.py", "print(handler() is signal.default_int_handler)"),
    ("minicnn", "print(handler() is signal.SIG_DFL and ends(lambda: handler() is signal.default_int_handler))"),
])  # fmt: skip
def test_once_a_command_begins_ctrl_c_is_an_interrupt_again(started, then):
    code = f"""if True:
        import signal, sys
        sys.argv[0] = {started!r}
        import minicnn
        from minicnn.cli import ends
        handler = lambda: signal.getsignal(signal.SIGINT)
        {then}
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=600)
    assert done.stdout == "True\n", done.stderr


@contextlib.contextmanager
def importing(arguments, folder):
    """A process that is in the midst of importing NumPy, and stays there."""
    (folder / "numpy").mkdir()
    waits = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    (folder / "numpy" / "__init__.py").write_text(waits)
    paths = os.pathsep.join([str(folder), str(sources.PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "importing\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_train_runs_the_script_that_people_read(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    script = (Path(sources.examples().__file__).parent / "lenet5_mnist.py").read_text(encoding="utf-8")
    first = script.split('"""')[1].splitlines()[0]
    assert " ".join(first.split()) in " ".join(capsys.readouterr().out.split())
    assert len(script.splitlines()) <= 60
