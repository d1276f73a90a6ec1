"""Kernels of kernels/cpu, one after the other in one compiled function.

Python's lock is held between two compiled functions, and threads that wait for it fall asleep: with twenty kernels a
part, two threads would lose a fifth of their time. So the kernels of a section are called from one function, whose text
is written here; a whole epoch is compiled around it (kernels/cpu/epoch.py) and kept on disk for the next process.
"""

import hashlib
import importlib
import logging
import threading
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from minicnn import sources

log = logging.getLogger("minicnn")


class Call:
    """A kernel, by its maker = (file.function of kernels/cpu, number type, constants), and the arrays it runs over."""

    def __init__(self, name, real, constants, *arrays):
        self.maker, self.arrays = (name, real, constants), arrays

    def key(self):
        """All that compiled code depends on: the maker, and a (dtype, ndim) of every array."""
        return self.maker, tuple((a.dtype.name, a.ndim) for a in self.arrays)


@cache
def kernels():
    """The modules of kernels/cpu, by name. Raises ImportError where Numba is missing or broken."""
    for module in ("numba", "numba.core.event", "numba.extending"):
        importlib.import_module(module)
    folder = Path(sources.kernels().__file__).parent / "cpu"
    names = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    return SimpleNamespace(**{name: importlib.import_module(f"minicnn.kernels.cpu.{name}") for name in names})


class Sequence:
    """A function of no arguments that runs the kernels of all calls in order; they are compiled here and now."""

    def __init__(self, calls):
        self.calls = calls  # kept: compiled code has only the addresses of their arrays
        self.arguments = [addresses(calls)]
        self.function = compiled(around("once", calls), self.arguments)

    def __call__(self):
        self.function(*self.arguments)


def sequence(calls):
    """A Sequence, or what is quicker to compile and does the same."""
    if not calls:
        return lambda: None
    if len(calls) == 1:
        return partial(compiled(_kernel(*calls[0].maker), calls[0].arrays), *calls[0].arrays)
    return Sequence(calls)


def addresses(calls):
    """What the function of ``around`` needs to know of the arrays of these Calls, which must be kept as long."""
    return kernels().addresses.addresses([a for call in calls for a in call.arrays])


def around(name, section, ends=(), update=None):
    """The function of kernels/cpu/epoch.py around the kernels of these Calls, two lists and one."""
    lists = (tuple(call.key() for call in calls) for calls in (section, ends))
    return _around(name, *lists, update and update.maker)


@cache
def _around(name, section, ends, update):
    digest = hashlib.sha256(repr((section, ends, update)).encode()).hexdigest()[:16]
    functions = {"section": _one_by_one("section", "", section)}
    if update is not None:
        functions["ends"] = _one_by_one("ends", "used, filled, ", ends)
        functions["update"] = kernels().jit.part_of_another(_kernel(*update))
    return kernels().jit.specialised(getattr(kernels().epoch, name), digest, **functions)


def _one_by_one(name, before, keys):
    """name(before, addresses) of kernels/cpu/epoch.py: the kernels in order, each over its own of the arrays."""
    lines, namespace, place = [], {}, 0
    for i, (maker, kinds) in enumerate(keys):
        lines.append(f"    k{i}({before}*a{i}(addresses))")
        namespace[f"k{i}"] = kernels().jit.part_of_another(_kernel(*maker))
        namespace[f"a{i}"] = kernels().addresses.arrays_at(place, kinds)
        place += sum(1 + ndim for _, ndim in kinds)
    exec("\n".join([f"def {name}({before}addresses):", *lines, "    return"]), namespace)
    return kernels().jit.compiled(namespace[name], cache=False, inline="always")


def _kernel(name, real, constants):
    file, function = name.split(".")
    return getattr(getattr(kernels(), file), function)(getattr(np, real), *constants)


def compiled(function, arguments):
    """The function, compiled for arguments like these; the first time of all takes seconds."""
    import numba

    return _compiled(function, tuple(map(numba.typeof, arguments)))


@cache
def _compiled(function, signature):
    return _interruptible(partial(_compile, function, signature))


def _compile(function, signature):
    with kernels().jit.before_compiling(_tell_once):
        try:
            function.compile(signature)
        except Exception as error:
            if signature in function.overloads:
                log.warning("minicnn could not keep what it has compiled for the next time: %s", error)
            else:
                function = _compiled_anew(function, signature)
    return function


def _interruptible(work):
    """work() in a thread of its own, so that Ctrl-C ends the wait for it at once.

    Signals reach the main thread only. Raised there while LLVM calls back, KeyboardInterrupt would be swallowed.
    """
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True, name="minicnn compiles")
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def _compiled_anew(function, signature):
    """After a failure: a damaged file in Numba's cache, unless it happens again without one."""
    log.warning("minicnn could not read what Numba keeps of %s and compiles it anew", function.py_func.__name__)
    try:
        function.recompile()  # forgets what is on disk
        function.compile(signature)
    except Exception:
        function = kernels().jit.compiled(function.py_func, cache=False)
        function.compile(signature)
    return function


@cache
def _tell_once():
    log.warning("minicnn compiles its loops for this processor: some ten seconds, only the first time")
