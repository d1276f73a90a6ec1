"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(mc.__path__, "minicnn.")
    if ">>>" in Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8")
]


def test_there_are_examples():
    assert {"minicnn.backend.base", "minicnn.layers.conv"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    module = importlib.import_module(name)
    names = {**vars(module), "mc": mc, "np": np}  # imported by whoever has read that far
    tests = [test for test in doctest.DocTestFinder().find(module, name, globs=names) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said = []
    for test in tests:
        runner.run(test, out=said.append)
    assert tests and not runner.failures, "".join(said)
