"""How the loops are compiled."""

import functools
import hashlib
import re
import types
from pathlib import Path

try:
    import numba
    from numba.core import event
    from numba.extending import lower_builtin, type_callable
except ImportError:  # the loops stay ordinary Python
    numba = None

FASTMATH = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be reordered and products fused, or no loop could be vectorised; NaN and infinity keep their meaning."""

IN_ORDER = FASTMATH - {"reassoc"}
"""As above, but a sum stays as it is written: for loops with several sums side by side, each in a register."""


def _sources():
    """A digest of all files in this folder."""
    return _digest(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:12]


SOURCES = _sources()


def compiled(function, cache=True, **how):
    """A kernel from its loops: compiled for the arrays it is first called with, and kept on disk where that works.

    Numba's cache sees a change of the file that a kernel stands in, but not of a file that this one imports from. And
    it links by name: of two kernels called alike, one from the disk and one compiled now, only the first would be
    called. So the name of a kernel has a digest of all sources and of its constants.
    """
    if numba is None:
        return function
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    constants = repr([(name, cell.cell_contents) for name, cell in cells])
    function.__qualname__ = f"{function.__qualname__.split('@')[0]}@{SOURCES}{_digest(constants.encode())}"
    how = {"nogil": True, "error_model": "numpy", "fastmath": FASTMATH, "no_cfunc_wrapper": True, **how}
    try:
        return numba.njit(function, cache=cache, **how)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(function, **how)


def helper(function):
    """What kernels call, and keep on disk with themselves."""
    return compiled(function, cache=False)


@functools.cache
def part_of_another(kernel):
    """A kernel for compiled functions to call: quicker to compile, for Python cannot call it and nobody keeps it.

    It becomes part of its callers (forceinline). Else the process that compiles would call the kernel as compiled by
    itself, and one that loads the caller from the disk the copy in there, which LLVM has optimised once more: sums in
    another order, so other bits.
    """
    how = {"no_cpython_wrapper": True, "forceinline": True, "fastmath": kernel.targetoptions["fastmath"]}
    return compiled(kernel.py_func, cache=False, **how)


def specialised(function, name, **functions):
    """``function``, calling these functions in place of those of its file.

    ``name`` tells it from others made of the same code, on disk too.
    """
    made = types.FunctionType(function.__code__, {**function.__globals__, **functions}, function.__name__)
    made.__module__, made.__qualname__ = function.__module__, f"{function.__qualname__}.{name}"
    return compiled(made)


def before_compiling(tell):
    """A context in which ``tell()`` is called before something is compiled, not where Numba has kept it on disk."""

    class Listener(event.Listener):
        def on_start(self, event):
            tell()

        def on_end(self, event):
            pass

    return event.install_listener("numba:compile", Listener())


def inlined(function):
    """A small function that becomes part of the kernels that call it."""
    return function if numba is None else numba.njit(function, inline="always")


def full_width():
    """At the top of a function: use the processor's widest vectors, where LLVM would rather take half of them.

    And begin the stack at a cache line. Vectors that find no register lie there, and two lines for each are slow, in
    one thread and not in another, as their stacks happen to begin.
    """


def full_speed():
    """At the top of a kernel: ``full_width``, and no array that it writes to overlaps with another of its arrays.

    That is C's ``restrict``. LLVM need not ask before every loop, and what is in a register may stay there.
    """


if numba is not None:
    from llvmlite import ir

    def in_llvm(function, returns, *takes):
        """The decorator of what writes LLVM's instructions for a call of ``function``, whose Python is their meaning.

        It is called as (context, builder, signature, arguments). returns, takes: Numba's types of result and arguments.
        """
        type_callable(function)(lambda context: functools.wraps(function)(lambda *given: returns(*takes)))
        return lower_builtin(function, *takes)

    @in_llvm(full_width, numba.void)
    def _wide(context, builder, signature, arguments):
        words = '"prefer-vector-width"="512"', '"stackrealign"'
        set.update(builder.function.attributes, words)  # llvmlite's own add knows fewer
        return context.get_dummy_value()

    @in_llvm(full_speed, numba.void)
    def _wide_and_apart(context, builder, signature, arguments):
        for argument in builder.function.args:
            is_data = re.fullmatch(r"arg\.\w+\.4", argument.name)  # the fifth of what Numba passes for an array
            if is_data and isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return _wide(context, builder, signature, arguments)
