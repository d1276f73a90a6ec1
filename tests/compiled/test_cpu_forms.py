"""Every form of a primitive for the CPU, loops and NumPy, computes what it means."""

import copy

import numpy as np
import pytest
from primitive_cases import Draw, cases
from quick import one_of_each, rest_slow

import minicnn as mc
from minicnn.compiled import primitives
from minicnn.compiled.cpu import CpuForm
from minicnn.compiled.numpy_form import NumpyForm

CASES = {f"{primitive}: {name}": (primitive, arguments) for name, primitive, arguments in cases()}
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}


@pytest.mark.parametrize("dtype", rest_slow(TOLERANCE))
@pytest.mark.parametrize("case", one_of_each(CASES))
def test_a_loop_computes_its_primitive(case, dtype):
    pytest.importorskip("numba")
    assert_computes_its_primitive(CpuForm, case, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_numpy_computes_its_primitive_without_numba(case, dtype):
    assert_computes_its_primitive(NumpyForm, case, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("max_pool")])
def test_winners_of_a_pooling_may_be_numbers_of_its_own_type(case, dtype):
    pytest.importorskip("numba")
    assert_computes_its_primitive(CpuForm, case, dtype, places=dtype)


def assert_computes_its_primitive(form, case, dtype, places="int32"):
    primitive, arguments = CASES[case]
    expected = [a.astype(places) if getattr(a, "dtype", None) == np.int32 else a for a in arguments(Draw(0, dtype))]
    backend = mc.backend.get("numpy")
    got = copy.deepcopy(expected)
    getattr(primitives, primitive)(backend, *expected)

    form = form(backend, dtype)
    form.sequence(form.prepare(primitive, *got))()

    for number, (a, b) in enumerate(zip(got, expected)):
        if isinstance(a, np.ndarray):
            scale = max(1, np.nanmax(np.abs(b))) * TOLERANCE[dtype]
            np.testing.assert_allclose(a, b, rtol=0, atol=scale, err_msg=f"argument {number} of {primitive}")
