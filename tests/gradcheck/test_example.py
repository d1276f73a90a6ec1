"""examples/gradient_check.py and its exit status."""

import re
import runpy
import sys
from pathlib import Path

import minicnn as mc


def run_example(monkeypatch, *arguments):
    path = Path(__file__).parents[2] / "examples" / "gradient_check.py"
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    return runpy.run_path(str(path))["main"]()


def those_that_agree(capsys):
    """(how many, of how many)"""
    return tuple(map(int, re.search(r"(\d+) of (\d+) agree", capsys.readouterr().out).groups()))


def test_the_example_succeeds(monkeypatch, capsys):
    assert run_example(monkeypatch, "--samples", "20", "--seed", "3") == 0
    agree, all_of_them = those_that_agree(capsys)
    assert agree == all_of_them > 20


def test_the_example_fails_if_a_layer_is_wrong(monkeypatch, capsys):
    right = mc.GlobalAvgPool2d.backward
    monkeypatch.setattr(mc.GlobalAvgPool2d, "backward", lambda self, dy: 2 * right(self, dy))
    assert run_example(monkeypatch, "--samples", "20") == 1
    agree, all_of_them = those_that_agree(capsys)
    assert agree == all_of_them - 1


def test_the_example_fails_if_a_wrong_layer_passes(monkeypatch, capsys):
    class Blind(type(mc.gradcheck(mc.Tanh(), [[1.0]]))):
        failed = ()

    def blind(*args, **how):
        report = gradcheck(*args, **how)
        return Blind(report.title, report.arrays, report.tolerance)

    gradcheck = mc.gradcheck
    monkeypatch.setattr(mc, "gradcheck", blind)
    assert run_example(monkeypatch, "--samples", "20") == 1
    assert "NOT CAUGHT: x is wrong, and nothing else" in capsys.readouterr().out
