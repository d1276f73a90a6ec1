"""Where threads wait for each other without falling asleep: a step is over in less time than it takes to wake up.

barrier = (how many have arrived, how often all have passed, whether to give up), int64. Counting and looking are atomic
operations of the processor; what a thread wrote before it arrived, all see after they have passed.
"""

import os

from minicnn.kernels.cpu.jit import helper, numba

PATIENCE, LITTLE_LEFT = 2000, 500
"""Looks at the barrier before a waiting thread offers its core to others, and offers before it falls asleep after all:
by then a thread that it waits for has no core, and somebody else should have this one."""


def arrive(barrier):
    """Count one more thread in -> how many were there before."""
    barrier[0] += 1
    return barrier[0] - 1


def look(barrier, index):
    """barrier[index], as it is now."""
    return barrier[index]


def put(barrier, index, value):
    """barrier[index] = value, for all to see."""
    barrier[index] = value


def offer_core():
    """Let another thread run, if one is waiting for this core."""


def nap():
    """Sleep for some 50 microseconds."""


@helper
def wait(barrier, threads):
    """Return True when all ``threads`` have arrived, False where one of them has given up."""
    passed = look(barrier, 1)
    if arrive(barrier) == threads - 1:
        put(barrier, 0, 0)
        put(barrier, 1, passed + 1)
        return look(barrier, 2) == 0
    looks = 0
    while look(barrier, 1) == passed:
        if look(barrier, 2):
            return False
        looks += 1
        if looks > PATIENCE + LITTLE_LEFT:
            nap()
        elif looks > PATIENCE:
            offer_core()
    return look(barrier, 2) == 0


if numba is not None:
    from llvmlite import ir
    from minicnn.kernels.cpu.jit import in_llvm
    from numba.core import cgutils

    BARRIER, INT64, INT32 = numba.int64[::1], ir.IntType(64), ir.IntType(32)

    def _address(context, builder, barrier, index):
        return cgutils.gep_inbounds(builder, context.make_array(BARRIER)(context, builder, barrier).data, index)

    @in_llvm(arrive, numba.int64, BARRIER)
    def _arrive(context, builder, signature, arguments):
        address = _address(context, builder, arguments[0], INT64(0))
        return builder.atomic_rmw("add", address, INT64(1), "seq_cst")

    @in_llvm(look, numba.int64, BARRIER, numba.int64)
    def _look(context, builder, signature, arguments):
        return builder.load_atomic(_address(context, builder, *arguments), "seq_cst", 8)

    @in_llvm(put, numba.void, BARRIER, numba.int64, numba.int64)
    def _put(context, builder, signature, arguments):
        builder.store_atomic(arguments[2], _address(context, builder, *arguments[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    def _on_posix(context, builder, name, *arguments):
        if os.name == "posix":
            kind = ir.FunctionType(INT32, [argument.type for argument in arguments])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
        return context.get_dummy_value()

    @in_llvm(offer_core, numba.void)
    def _offer_core(context, builder, signature, arguments):
        return _on_posix(context, builder, "sched_yield")

    @in_llvm(nap, numba.void)
    def _nap(context, builder, signature, arguments):
        return _on_posix(context, builder, "usleep", INT32(50))
