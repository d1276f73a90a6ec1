"""Each primitive as part of a tower computes what it means, run on the CPU with its threads in several orders."""

import cuda_cases
import numpy as np
import pytest
from device_stand_in import Order
from quick import one_of_each, rest_slow

CASES = {case: cuda_cases.CASES[case] for case in cuda_cases.tower_cases("float32")[0]}


def test_the_shared_cases_have_every_primitive_of_a_tower():
    from minicnn.compiled.tower_steps import STEPS

    assert {primitive for primitive, _ in CASES.values()} == set(STEPS)


@pytest.mark.parametrize("dtype", rest_slow(cuda_cases.TOLERANCE))
@pytest.mark.parametrize("case", one_of_each(CASES))
def test_a_tower_of_one_computes_its_primitive_whichever_thread_runs_first(device, case, dtype, monkeypatch):
    ascending = cuda_cases.computed_in_a_tower(device, case, dtype)
    cuda_cases.assert_agrees(ascending, cuda_cases.expected(case, dtype), case, dtype)
    for order in (Order.DESCENDING, 1998):
        monkeypatch.setattr(Order, "number", order)
        for a, b in zip(ascending, cuda_cases.computed_in_a_tower(device, case, dtype)):
            np.testing.assert_array_equal(a, b, err_msg=f"{case}: threads race")
