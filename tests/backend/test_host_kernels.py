"""What runs the kernels without a GPU sees what would go wrong on one: races, and what NVRTC does not know."""

import re

import host_kernels
import numpy as np
import pytest
from device_stand_in import CompileException, Order

RELAY = """
extern "C" __global__ void relay(const float* x, float* y, int rounds) {
    __shared__ float baton[8];
    int t = threadIdx.x;
    float mine = x[t];
    for (int i = 0; i < rounds; i++) {
        baton[t] = mine;
        __syncthreads();
        mine = baton[(t + 1) % 8];
        __syncthreads();
    }
    y[t] = mine;
}
"""
"""Eight threads hand a number on to their neighbours, ``rounds`` times."""

SAME = """
extern "C" __global__ void same(const float* x, float* y, int rounds) {
    __shared__ int any[1];
    DYNAMIC_SHARED(float, room);
    if (x[threadIdx.x] > 0) any[0] = 1;
    __syncthreads();
    room[threadIdx.x] = any[0];
    y[threadIdx.x] = room[threadIdx.x];
}
"""
"""Whoever has a positive number says so, all at the same place."""

BARRIER = "__syncthreads();"


def relayed(xp, code, rounds, order=Order.ASCENDING):
    """What eight threads make of 1 to 8."""
    (name,) = re.findall(r"void (\w+)", code)
    module = xp.RawModule(code=code)
    module.compile()
    x, y = xp.asarray(np.arange(1, 9, dtype=np.float32)), xp.zeros(8, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Order, "number", order)
        module.get_function(name)((1,), (8,), (x, y, np.int32(rounds)), shared_mem=32)
    return y.get().tolist()


@pytest.mark.parametrize("order", [
    Order.ASCENDING, *(pytest.param(order, marks=pytest.mark.slow) for order in (Order.DESCENDING, 2, 3)),
])  # fmt: skip
def test_a_race_for_shared_memory_is_an_error_whatever_comes_out(fake_cupy, order):
    first, second = (m.start() for m in re.finditer(re.escape(BARRIER), RELAY))
    without = [RELAY[:at] + RELAY[at + len(BARRIER) :] for at in (first, second)]
    assert relayed(fake_cupy, RELAY, 3, order) == [4, 5, 6, 7, 8, 1, 2, 3]
    assert relayed(fake_cupy, without[1], 1, order) == [2, 3, 4, 5, 6, 7, 8, 1]  # once round, the last is not needed
    for code, rounds in ((without[0], 1), (without[1], 2)):
        with pytest.raises(AssertionError, match="relay: a race: "):
            relayed(fake_cupy, code, rounds, order)
    with pytest.raises(AssertionError, match=r"same: a race: threads \d and \d meet at a word"):
        relayed(fake_cupy, SAME, 1, order)  # all write the same, so that no order shows it
    assert relayed(fake_cupy, SAME.replace("> 0", "> 7"), 1, order) == [1] * 8


def test_threads_come_in_the_order_that_was_asked_for(fake_cupy):
    code = """
    __device__ float turn;
    extern "C" __global__ void turns(const float* x, float* y, int rounds) {
        if (rounds) __syncthreads();
        y[threadIdx.x] = turn++;
    }
    """
    for with_barrier, text in ((0, code.replace("if (rounds) __syncthreads();", "")), (1, code)):
        turns = [np.argsort(relayed(fake_cupy, text, with_barrier, order)).tolist() for order in (0, 1, 5, 6, 5)]
        assert turns[:2] == [[*range(8)], [*range(7, -1, -1)]]
        assert turns[2] == turns[4] and len(set(map(tuple, turns))) == 4


def test_std_and_headers_are_not_there(fake_cupy):
    for code in ('extern "C" __global__ void f(float* y) { y[0] = std::exp(y[0]); }', "#include <cmath>\n"):
        with pytest.raises(CompileException, match=r"NVRTC has no headers: (std::|#include)"):
            fake_cupy.RawModule(code=code).compile()


@pytest.mark.skipif("-mfma" not in host_kernels.FLAGS, reason="this processor rounds every product")
def test_a_product_that_is_added_is_not_rounded_first(fake_cupy):
    """As on a GPU: x² = 1 + 2^-12 + 2^-26 for x = 1 + 2^-13, and float32 has no room for the last term."""
    code = 'extern "C" __global__ void f(const float* x, float* y) { y[0] = x[0] * x[0] - x[1]; }'
    module = fake_cupy.RawModule(code=code)
    module.compile()
    x, y = fake_cupy.asarray(np.array([1 + 2**-13, 1 + 2**-12], np.float32)), fake_cupy.zeros(1, np.float32)
    module.get_function("f")((1,), (1,), (x, y))
    assert float(y[0]) == 2**-26
