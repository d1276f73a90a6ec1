"""A word with Python in the middle of compiled code: a call that may take the interpreter's lock, and gives it back."""

import ctypes

from minicnn.kernels.cpu.jit import numba


def call(address):
    """The int64 that the C function of no arguments at this address returns."""
    return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()


if numba is not None:
    from llvmlite import ir
    from minicnn.kernels.cpu.jit import in_llvm

    @in_llvm(call, numba.int64, numba.int64)
    def _call(context, builder, signature, arguments):
        function = ir.FunctionType(ir.IntType(64), []).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], function), [])
