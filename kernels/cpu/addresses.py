"""All arrays of a section as one vector of integers: of each its address, then its lengths.

Compiled code could be given the arrays themselves, a hundred of them. But Numba would take each out of Python's object
into seven values, count its users, and carry all of them through tuples of tuples, and that takes long to compile.
"""

import numpy as np
from minicnn.kernels.cpu.jit import numba


def addresses(arrays):
    """An int64 vector; the arrays must outlive its use.

    Raises ValueError unless all of them are C-contiguous and have their bytes in this machine's order.
    """
    for a in arrays:
        if not a.flags.c_contiguous:
            raise ValueError(f"arrays must be C-contiguous, got one of shape {a.shape} and strides {a.strides}")
        if not a.dtype.isnative:
            raise ValueError(f"arrays must have this machine's byte order, got {a.dtype.str}")
    return np.array([number for a in arrays for number in (a.ctypes.data, *a.shape)], np.int64)


if numba is not None:
    from llvmlite import ir
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

    WORD = ir.IntType(64)

    def arrays_at(place, kinds):
        """A function for compiled code: f(addresses) -> the arrays from ``place`` on, of these kinds (dtype, ndim)."""
        types = [numba.types.Array(numba.from_dtype(np.dtype(dtype)), ndim, "C") for dtype, ndim in kinds]

        @intrinsic
        def taken(context, addresses):
            return numba.types.Tuple(types)(addresses), generate

        def generate(context, builder, signature, arguments):
            data, at = make_array(signature.args[0])(context, builder, arguments[0]).data, place
            arrays = []
            for kind in types:
                numbers = [builder.load(builder.gep(data, [WORD(at + i)])) for i in range(1 + kind.ndim)]
                arrays.append(_array(context, builder, kind, *numbers))
                at += len(numbers)
            return context.make_tuple(builder, signature.return_type, arrays)

        return taken

    def _array(context, builder, kind, address, *shape):
        element = context.get_data_type(kind.dtype)
        strides = [WORD(context.get_abi_sizeof(element))]
        for length in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        array, data = make_array(kind)(context, builder), builder.inttoptr(address, element.as_pointer())
        populate_array(array, data, shape, strides, itemsize=strides[-1], meminfo=None)
        return array._getvalue()
