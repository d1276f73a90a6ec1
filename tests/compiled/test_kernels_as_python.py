"""The loops are ordinary Python: a student can run them, slowly, and gets what the compiled ones give."""

import copy

import numpy as np
import pytest
from primitive_cases import Draw, cases

import minicnn as mc
from minicnn import sources
from minicnn.compiled import loops, primitives
from minicnn.compiled.cpu import CpuForm

pytest.importorskip("numba")

def one_case_a_primitive():
    """{primitive: the smallest of its cases that has more than a hundred numbers}; Python is slow."""
    chosen = {}
    for _, primitive, arguments in cases():
        size = sum(a.size for a in arguments(Draw(0, "float64")) if isinstance(a, np.ndarray))
        if size < chosen.get(primitive, (np.inf, None))[0] and size > 100:
            chosen[primitive] = size, arguments
    return {primitive: arguments for primitive, (_, arguments) in chosen.items()}


CASES = one_case_a_primitive()


def test_every_primitive_has_a_case():
    assert set(CASES) == {primitive for _, primitive, _ in cases()}


@pytest.mark.parametrize("primitive", CASES)
def test_a_loop_in_plain_python(primitive):
    backend = mc.backend.get("numpy")
    expected = CASES[primitive](Draw(0, "float64"))
    got = copy.deepcopy(expected)
    getattr(primitives, primitive)(backend, *expected)

    for call in CpuForm(backend, "float64").prepare(primitive, *got):
        loops._kernel(*call.maker).py_func(*call.arrays)

    for a, b in zip(got, expected):
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * max(1, np.nanmax(np.abs(b))))


def test_threads_that_meet_at_a_barrier_are_alone_in_plain_python():
    sources.kernels()
    from minicnn.kernels.cpu import barrier

    gate = np.zeros(3, np.int64)
    assert barrier.wait.py_func(gate, 1)
    assert gate.tolist() == [0, 1, 0]
    gate[2] = 1
    assert not barrier.wait.py_func(gate, 1)
