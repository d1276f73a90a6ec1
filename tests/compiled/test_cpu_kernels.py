"""Every loop for the CPU computes what its primitive means."""

import copy

import numpy as np
import pytest
from primitive_cases import Draw, cases

import minicnn as mc
from minicnn.compiled import primitives
from minicnn.compiled.cpu import CpuForm

pytest.importorskip("numba")

CASES = {f"{primitive}: {name}": (primitive, arguments) for name, primitive, arguments in cases()}
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_a_loop_computes_its_primitive(case, dtype):
    primitive, arguments = CASES[case]
    expected = arguments(Draw(0, dtype))
    backend = mc.backend.get("numpy")
    got = copy.deepcopy(expected)
    getattr(primitives, primitive)(backend, *expected)

    form = CpuForm(backend, dtype)
    form.sequence(form.prepare(primitive, *got))()

    for number, (a, b) in enumerate(zip(got, expected)):
        if isinstance(a, np.ndarray):
            scale = max(1, np.nanmax(np.abs(b))) * TOLERANCE[dtype]
            np.testing.assert_allclose(a, b, rtol=0, atol=scale, err_msg=f"argument {number} of {primitive}")
