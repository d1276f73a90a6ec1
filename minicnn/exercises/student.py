"""Runs one student's file in a process of its own: ``python student.py FOLDER_OF_THE_TASK``.

Started by the sandbox, never imported by it. It needs NumPy alone. It reads task.json and the inputs of each case
(case0.npz, ...) from that folder and writes what the student's code returned (result0.npz, ...) and report.json
there; so nothing the student prints can be mistaken for a result. report.json holds

    problem     what kept a case from being finished, in words a student understands, or ""
    kind        "syntax", "missing", "signature", "error", "exit", "type", "shape", "memory" ... of the problem
    line, text  where in the student's file, if known
    unwritten   the functions that are still gaps; results are of the others
    finished    how many cases have a result
    changed     names of inputs that the code has written to
    uses_engine whether minicnn has been imported
"""

import ast
import contextlib
import faulthandler
import inspect
import json
import os
import signal
import sys
import tokenize
import traceback
import types
from pathlib import Path

import numpy as np

MOST_ELEMENTS = 1_000_000
"""A larger array cannot be any exercise's answer."""


class Problem(Exception):
    """Says in words what is wrong with the student's file."""

    def __init__(self, kind, words, line=None, text=""):
        super().__init__(words)
        self.kind, self.line, self.text = kind, line, text


def main(folder):
    folder = Path(folder)
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    report = {"problem": "", "kind": "", "line": None, "text": "", "unwritten": [], "finished": 0, "changed": [],
              "uses_engine": False}  # fmt: skip
    where = open(folder / "where.txt", "w", encoding="utf-8")  # until the process ends
    faulthandler.enable(where)
    limit_memory(task["memory"])
    sys.path[:] = [str(Path(task["file"]).parent), *(p for p in sys.path if p != str(Path(__file__).parent))]
    if task["engine"] is None:
        sys.meta_path.insert(0, NoEngine())
    elif task["engine"] not in sys.path:
        sys.path.append(task["engine"])  # last: a student may look things up in minicnn itself
    for name in ("empty", "empty_like"):
        setattr(np, name, poisoned(getattr(np, name)))
    cases = [read_inputs(folder / f"case{case}.npz", numbers) for case, numbers in enumerate(task["numbers"])]
    save = np.savez
    limit_time(task["seconds"], task["patience"], where)
    (folder / "begun").touch()
    try:
        module, gaps = load(task["file"])
        for case, inputs in enumerate(cases):
            save(folder / f"result{case}.npz", **run(module, gaps, task["steps"], inputs, report))
            report["finished"] += 1
    except Problem as problem:
        report |= {"problem": str(problem), "kind": problem.kind, "line": problem.line, "text": problem.text}
    report["uses_engine"] = any(name.partition(".")[0] == "minicnn" for name in list(sys.modules))
    (folder / "report.part").write_text(json.dumps(report), encoding="utf-8")
    os.replace(folder / "report.part", folder / "report.json")
    with contextlib.suppress(Exception):  # closed or replaced by the student's code
        sys.stdout.flush()
    os._exit(0)  # whatever threads the student's code has left


class NoEngine:
    """The first place where Python looks for a module: minicnn is not to be found."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "minicnn":
            raise ModuleNotFoundError("minicnn itself does not count here: write it with NumPy alone")


def limit_memory(most_bytes):
    """Where the system can: an array of a billion elements then raises MemoryError before the machine swaps."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    except (ImportError, OSError, ValueError):
        pass  # not on Windows, and macOS may refuse: the time limit is left


def limit_time(seconds, patience, where):
    """From now on the process may compute for so long; then it says where it is and ends.

    It is the process's own time: a busy machine takes none of it, nor does starting Python. Code that sleeps uses none
    either, so the sandbox looks at the clock as well; shortly before its patience ends the process says where it is.
    """
    faulthandler.dump_traceback_later(0.8 * patience, file=where)
    if hasattr(signal, "setitimer"):  # not on Windows
        faulthandler.register(signal.SIGPROF, file=where, chain=True)
        signal.setitimer(signal.ITIMER_PROF, seconds)


def poisoned(empty):
    """np.empty with NaN in it where there could be anything, so that nobody's sum is right by luck."""

    def filled(*args, **kwargs):
        array = empty(*args, **kwargs)
        if array.dtype.kind == "f":
            array.fill(np.nan)
        return array

    return filled


# ---------------------------------------------------------------------------------------------- the file


def load(path):
    """-> (the student's file as a module, names of the functions in it that are still empty)."""
    try:
        with tokenize.open(path) as file:
            source = file.read()
        tree = ast.parse(source, path)
        code = compile(tree, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        if error.lineno is None:  # it cannot even be decoded
            raise Problem("syntax", f"it is not a Python text file: {error.msg}") from None
        words = {IndentationError: "the indentation is wrong", TabError: "tabs and spaces are mixed"}
        raise Problem("syntax", f"{words.get(type(error), 'Python cannot read it')}: {error.msg}",
                      error.lineno, (error.text or "").strip()) from None  # fmt: skip
    except (UnicodeDecodeError, ValueError) as error:
        raise Problem("syntax", f"it is not a Python text file: {error}") from None
    except OSError as error:
        raise Problem("syntax", f"it cannot be read: {error.strerror}") from None
    except (RecursionError, MemoryError):
        raise Problem("syntax", "it is nested too deeply for Python to read") from None
    module = types.ModuleType(Path(path).stem)
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        guarded("running the file", path, lambda: exec(code, module.__dict__))
    except NotImplementedError:
        raise Problem("error", "running the file stops with NotImplementedError", *place(path)) from None
    return module, [name for name, body in functions(tree) if is_gap(body)]


def functions(tree, prefix=""):
    """("name" or "Class.name", statements) of every function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if isinstance(node, ast.FunctionDef):
                yield prefix + node.name, node.body
            yield from functions(node, f"{node.name}.")


def is_gap(body):
    """Nothing but a docstring, ``pass``, ``...`` or ``raise NotImplementedError``."""
    for statement in body:
        constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (constant or isinstance(statement, ast.Pass) or raises_not_implemented(statement)):
            return False
    return True


def raises_not_implemented(statement):
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return False
    error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(error, ast.Name) and error.id == "NotImplementedError"


# --------------------------------------------------------------------------------------------- the calls


def run(module, gaps, steps, inputs, report):
    """Take all steps with one case's inputs -> {name: array} of what came out."""
    known, results = dict(inputs), {}
    before = {name: np.copy(value) for name, value in inputs.items() if isinstance(value, np.ndarray)}
    for step in steps:
        shown = step["call"]
        owner = module
        if "." in step["call"]:
            owner = known[step["call"].split(".")[0]]
            shown = f"{type(owner).__name__}.{step['call'].split('.')[1]}"
        if shown in gaps:
            if shown not in report["unwritten"]:
                report["unwritten"].append(shown)
            continue
        function = getattr(owner, step["call"].split(".")[-1], None)
        if not callable(function):
            what = "has no" if "." in shown else "does not define"
            raise Problem("missing", f"the file {what} {shown}: it must keep the name that the exercise gave it")
        arguments = [known[name] for name in step["args"]]
        check_signature(function, shown, step["args"], arguments)
        try:
            value = guarded(shown, module.__file__, lambda f=function, a=arguments: f(*a))
        except NotImplementedError:
            report["unwritten"].append(shown)
            continue
        for name, array in before.items():
            if not np.array_equal(array, inputs[name], equal_nan=True):
                report["changed"] = sorted({*report["changed"], name})
        if step["makes"]:
            known[step["makes"]] = value
        results |= returned(value, shown, step["returns"])
        for name, attribute in step["attributes"].items():
            if not hasattr(owner, attribute):
                raise Problem("missing", f"{shown} must write self.{attribute}")
            results[name] = as_array(getattr(owner, attribute), f"self.{attribute}")
    return results


def check_signature(function, shown, names, arguments):
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        plain = ", ".join(name.removesuffix(" again") for name in names)
        raise Problem("signature", f"the exercise calls {shown}({plain}), but the file has "
                      f"{shown}{inspect.signature(function)}: keep that line as it was given") from None  # fmt: skip
    except ValueError:
        return  # a function without a Python signature, such as a NumPy one: the call will tell


def guarded(shown, path, call):
    """``call()``, any exception but NotImplementedError turned into a Problem that names the student's line."""
    try:
        return call()
    except NotImplementedError:
        raise
    except MemoryError:
        raise Problem("memory", "it asks for more memory than an exercise may have: is an array far too large, or "
                      "does a list grow without end?", *place(path)) from None  # fmt: skip
    except RecursionError:
        raise Problem("error", f"{shown} calls itself without end", *place(path)) from None
    except SystemExit:
        raise Problem("exit", "it calls exit(): take that out, the checker needs what the function returns",
                      *place(path)) from None  # fmt: skip
    except EOFError:
        raise Problem("error", "it waits for input from the keyboard: take input() out", *place(path)) from None
    except BaseException as error:  # also KeyboardInterrupt: whatever the student's code raises
        words = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1][:400]
        raise Problem("error", f"{shown} stops with {words}", *place(path)) from None


def place(path):
    """(line number, text) in the student's file where the exception passed through it last."""
    frames = [f for f in traceback.extract_tb(sys.exc_info()[2]) if f.filename == path]
    return (frames[-1].lineno, frames[-1].line) if frames else (None, "")


# ------------------------------------------------------------------------------------------- the results


def returned(value, shown, names):
    """{name: array} of what a function returned; it must be one array for each name."""
    if not names:
        return {}
    plain = [name.removesuffix(" again") for name in names]
    wanted = f"{shown} must return {', '.join(plain)}"
    if value is None:
        raise Problem("type", f"{wanted}, but returns nothing (None): does it end with return?")
    if value is NotImplemented or value is Ellipsis:
        raise Problem("type", f"{wanted}, but returns {value}")
    if len(names) == 1:
        if isinstance(value, tuple):
            raise Problem("type", f"{wanted}, one array, but returns {len(value)} things: is there a comma too much?")
        return {names[0]: as_array(value, plain[0])}
    if not isinstance(value, (tuple, list)):
        raise Problem("type", f"{wanted}: {len(names)} arrays, but returns only {kind_of(value)}")
    if len(value) != len(names):
        raise Problem("type", f"{wanted}: {len(names)} arrays, but returns {len(value)}")
    return {name: as_array(part, short) for name, short, part in zip(names, plain, value)}


def as_array(value, name):
    """``value`` as a real array of its own: a later call must not overwrite it."""
    if not isinstance(value, (np.ndarray, np.generic)) and type(value) not in (int, float):
        raise Problem("type", f"{name} must be a NumPy array, but is {kind_of(value)}")
    if isinstance(value, np.ndarray) and value.size > MOST_ELEMENTS:
        raise Problem("shape", f"{name} has shape {value.shape}: far too large for this exercise")
    array = np.array(value)
    if array.dtype.kind not in "iuf":
        raise Problem("type", f"{name} must hold real numbers, but its type is {array.dtype}")
    return array


def kind_of(value):
    """What a value is, in words: "a list"."""
    if value is None or isinstance(value, np.ndarray):
        return "None" if value is None else "an array"
    name = type(value).__name__
    return f"a{'n' * (name[0] in 'aeiou')} {name}"


def read_inputs(path, numbers):
    """Arrays from the file, numbers and tuples from the task."""
    with np.load(path, allow_pickle=False) as arrays:
        inputs = {name: arrays[name] for name in arrays.files}
    return inputs | {name: tuples(value) for name, value in numbers.items()}


def tuples(value):
    """JSON's lists as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    main(sys.argv[1])
