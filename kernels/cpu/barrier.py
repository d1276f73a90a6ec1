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
    from numba.core import cgutils
    from numba.extending import intrinsic, overload

    def _address(context, builder, array_type, array, index):
        data = context.make_array(array_type)(context, builder, array).data
        return cgutils.gep_inbounds(builder, data, index)

    @intrinsic
    def _arrive(context, barrier):
        def generate(context, builder, signature, arguments):
            address = _address(context, builder, signature.args[0], arguments[0], ir.Constant(ir.IntType(64), 0))
            return builder.atomic_rmw("add", address, ir.Constant(ir.IntType(64), 1), "seq_cst")

        return numba.types.int64(barrier), generate

    @intrinsic
    def _look(context, barrier, index):
        def generate(context, builder, signature, arguments):
            return builder.load_atomic(_address(context, builder, signature.args[0], *arguments), "seq_cst", 8)

        return numba.types.int64(barrier, numba.types.int64), generate

    @intrinsic
    def _put(context, barrier, index, value):
        def generate(context, builder, signature, arguments):
            address = _address(context, builder, signature.args[0], *arguments[:2])
            builder.store_atomic(arguments[2], address, "seq_cst", 8)
            return context.get_dummy_value()

        return numba.types.void(barrier, numba.types.int64, numba.types.int64), generate

    # functions with names of their own: Numba links by name
    @overload(arrive)
    def _arrive_for_all(barrier):
        def arrived(barrier):
            return _arrive(barrier)

        return arrived

    @overload(look)
    def _look_for_all(barrier, index):
        def looked(barrier, index):
            return _look(barrier, index)

        return looked

    @overload(put)
    def _put_for_all(barrier, index, value):
        def was_put(barrier, index, value):
            _put(barrier, index, value)

        return was_put

    on_posix = os.name == "posix"
    _sched_yield = numba.types.ExternalFunction("sched_yield", numba.types.int32())
    _usleep = numba.types.ExternalFunction("usleep", numba.types.int32(numba.types.uint32))

    @overload(offer_core)
    def _offer_core():
        def offered():
            _sched_yield()

        def kept():
            pass

        return offered if on_posix else kept

    @overload(nap)
    def _nap():
        def napped():
            _usleep(50)

        def awake():
            pass

        return napped if on_posix else awake
