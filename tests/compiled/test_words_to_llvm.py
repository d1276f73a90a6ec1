"""What kernels say to LLVM at their top reaches it."""

import re

import numpy as np
import pytest

from minicnn.compiled import loops

numba = pytest.importorskip("numba")
ONE, TWO = np.zeros(8, np.float32), np.zeros((2, 8), np.float32)


def signature_and_attributes(word, *arguments):
    """How LLVM's text of a function that says it begins, and the attributes of that function."""

    def said(x, y):
        word()
        y[0, 0] = x[0]

    function = loops.compiled(numba.njit(said), arguments)
    text = function.inspect_llvm(function.signatures[0])
    (line,) = re.findall(r"^define.*%arg\.x\.4.*", text, re.MULTILINE)
    attributes = re.search(rf"^attributes {re.search(r'#[0-9]+', line)[0]} = (.*)", text, re.MULTILINE)[1]
    return line, attributes


@pytest.mark.parametrize("word", ["full_width", "full_speed"])
def test_vectors_are_wide_and_the_stack_begins_at_a_cache_line(word):
    _, attributes = signature_and_attributes(getattr(loops.kernels().jit, word), ONE, TWO)
    assert '"prefer-vector-width"="512"' in attributes and '"stackrealign"' in attributes


@pytest.mark.parametrize("word, arrays", [("full_width", 0), ("full_speed", 2)])
def test_only_full_speed_says_that_arrays_are_apart(word, arrays):
    line, _ = signature_and_attributes(getattr(loops.kernels().jit, word), ONE, TWO)
    said = {name: words for words, name in re.findall(r"([^%]*)%arg\.(\w+)\.4", line)}
    assert set(said) == {"x", "y"}
    assert sum("noalias" in words for words in said.values()) == arrays
