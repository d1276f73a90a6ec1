"""``minicnn info``: all that a bug report needs."""

import json
import os
import subprocess
import sys

import numpy as np

import minicnn as mc
from minicnn import cli, sources


def test_it_says_what_computes_here(capsys, monkeypatch):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["minicnn"].startswith(f"{mc.__version__}, clone or source archive, ")
    assert sys.executable in found["Python"] and found["NumPy"] == np.__version__
    assert "threads" in found["BLAS"] or found["BLAS"] == "unknown"
    assert "MINICNN_OFFLINE=1" in found["variables"]
    backend = mc.backend.get("auto")
    assert found["CuPy"] == f"not used: {backend.reason}" or backend.name == "cupy"
    assert set(found) >= {"system", "processor", "vectors", "memory", "Numba", "others", "loops kept", "data kept"}


def test_lines_fit_the_terminal_and_say_the_same(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MINICNN_DATA", "/somewhere/far/away")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert cli.main(["info"]) == 0
    output = capsys.readouterr().out
    assert max(len(line) for line in output.splitlines() if " " in line.strip()) <= 80
    assert "MINICNN_DATA=/somewhere/far/away" in output and output.startswith("minicnn: ")


def test_it_works_without_numba_and_says_what_helps(tmp_path):
    (tmp_path / "numba.py").write_text("raise ModuleNotFoundError('none here', name='numba')")
    paths = os.pathsep.join([str(tmp_path), str(sources.PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "minicnn", "info", "--json"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, timeout=600)
    found = json.loads(done.stdout)
    assert found["Numba"].startswith("Numba is not installed: pip install ") and found["loops kept"] == "none"
