"""Every CUDA kernel computes what its primitive means, run on the CPU with its threads in several orders."""

import cuda_cases
import numpy as np
import pytest
from cuda_cases import CASES
from device_stand_in import Order
from quick import one_of_each, rest_slow


@pytest.mark.parametrize("dtype", rest_slow(cuda_cases.TOLERANCE))
@pytest.mark.parametrize("case", one_of_each(CASES))
def test_a_kernel_computes_its_primitive_whichever_thread_runs_first(device, case, dtype, monkeypatch):
    ascending = cuda_cases.computed(device, case, dtype)
    cuda_cases.assert_agrees(ascending, cuda_cases.expected(case, dtype), case, dtype)
    for order in (Order.DESCENDING, 1998):
        monkeypatch.setattr(Order, "number", order)
        for a, b in zip(ascending, cuda_cases.computed(device, case, dtype)):
            np.testing.assert_array_equal(a, b, err_msg=f"{case}: threads race")
