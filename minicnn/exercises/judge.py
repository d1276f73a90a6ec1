"""From what a student's file did to a verdict in words."""

import secrets
import signal
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from minicnn.exercises.exercise import Exercise
from minicnn.exercises.mistakes import likely_mistake, same, wrong_shape
from minicnn.exercises.sandbox import OUTPUT_LIMIT, PATIENCE, START_LIMIT, TIME_LIMIT, run
from minicnn.typing import FilePath

PASSED, WRONG, UNFINISHED, NOT_STARTED, MISSING = "passed", "wrong", "unfinished", "not started", "missing"
DIGITS = 17
"""So many tell any two float64 apart."""


@dataclass(frozen=True)
class Verdict:
    """status: "passed", "wrong", "unfinished" (right so far, but something is still to be written), "not started" or
    "missing" (no such file). message: what is wrong; likely: the mistake it looks like, or "". For a wrong element:
    array, index, expected, got. line, text: where in the file. reason, one word for machines: "value", "shape", "type",
    "dtype", "changed", "unwritten", "time", "output", "crash", "engine", or a kind of student.py's. uses_engine:
    whether the file has brought minicnn itself in. printed: the beginning of what the code printed."""

    exercise: Exercise
    status: str
    reason: str = ""
    message: str = ""
    likely: str = ""
    array: str = ""
    index: tuple[int, ...] | None = None
    expected: float | None = None
    got: float | None = None
    line: int | None = None
    text: str = ""
    uses_engine: bool = False
    printed: str = ""
    seconds: float = 0.0


def check(exercise: Exercise, folder: FilePath, time_limit: float = TIME_LIMIT, strict: bool = False) -> Verdict:
    """Judge the file in ``folder`` that is to solve ``exercise`` -> Verdict.

    strict: a file that brings minicnn in does not pass, and cannot import it; the cases are drawn with a secret seed.
    """
    if strict:
        exercise = exercise.anew(secrets.randbits(64))
    path = Path(folder) / exercise.file
    if not path.is_file():
        return Verdict(exercise, MISSING, "missing file",
                       f"{exercise.file} is not in {folder}: minicnn exercises --copy brings a new one")
    names_engine = mentions_engine(path)
    result = run(exercise, path, time_limit, engine=not strict)
    uses_engine = names_engine or bool(result.report and result.report.get("uses_engine"))
    if strict and uses_engine:
        facts = wrong("engine", "it uses minicnn itself, which does not count here: write it with NumPy alone")
    else:
        facts = judge(exercise, result, time_limit)
    if facts.get("line") and not facts.get("text"):
        facts["text"] = line_of(path, facts["line"])
    facts["uses_engine"] = uses_engine
    return Verdict(exercise, printed=result.printed, seconds=round(result.seconds, 3), **facts)


def line_of(path, number):
    """That line of a text file, without the space around it; "" if there is none, or no file any more."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[number - 1].strip() if number <= len(lines) else ""


def mentions_engine(path):
    """Whether a file's code has the name minicnn, or a string such as "minicnn.layers"; comments do not count."""
    try:
        with tokenize.open(path) as file:
            tokens = [(token.type, token.string) for token in tokenize.generate_tokens(file.readline)]
    except (OSError, SyntaxError, UnicodeDecodeError, tokenize.TokenError, RecursionError, MemoryError):
        return False  # whatever it is, it does not run either
    strings = (text.strip("rbuRBU\"'") for kind, text in tokens if kind == tokenize.STRING)
    named = (tokenize.NAME, "minicnn") in tokens
    return named or any(text.partition(".")[0] == "minicnn" for text in strings)


def judge(exercise, result, time_limit):
    """The fields of the Verdict on a Run. Wrong numbers of an early case come before a failure in a later one."""
    if result.report is None:
        return {"line": result.where, **ended(result, time_limit)}
    report = result.report
    changed = " and ".join(dict.fromkeys(name.removesuffix(" again") for name in report["changed"]))
    cases = [(inputs, right, got) for inputs, right, got in zip(exercise.cases, answers(exercise), result.results)]
    for case in cases:
        if fault := compare(exercise, cases, *case):
            return changes(f"{changed} has been changed, and what comes out is wrong too") if changed else fault
    if report["problem"]:
        return wrong(report["kind"], report["problem"], line=report["line"], text=report["text"])
    if report["unwritten"]:
        if not any(got for _, _, got in cases):
            return {"status": NOT_STARTED}
        missing = " and ".join(dict.fromkeys(report["unwritten"]))
        return {**wrong("unwritten", f"right so far, but {missing} is still to be written"), "status": UNFINISHED}
    if changed:
        return changes(f"the results are right, but {changed} has been changed")
    if len(cases) < len(exercise.cases) or any(set(right) - set(got) for _, right, got in cases):
        return wrong("crash", "it ended before all results were there: does the file write the report itself?")
    return {"status": PASSED}


def changes(words):
    return wrong("changed", f"{words}: inputs belong to the caller",
                 "work on a copy, or write a = a + b in place of a += b")  # fmt: skip


def wrong(reason, message, likely="", **more):
    return {"status": WRONG, "reason": reason, "message": message, "likely": likely, **more}


@cache
def answers(exercise):
    """What the engine makes of each case."""
    return [exercise.expected(case) for case in exercise.cases]


def ended(result, time_limit):
    """Why there is no report."""
    if result.stopped == "time":
        return wrong("time", f"it was still computing after {time_limit:g} seconds: does every loop end?")
    if result.stopped == "wait":
        return wrong("time", f"it had not ended after {PATIENCE * time_limit:g} seconds: does every loop end, does it "
                     "sleep or wait for something?")  # fmt: skip
    if result.stopped == "start":
        return wrong("time", f"Python and NumPy had not started after {START_LIMIT:g} seconds: try again when the "
                     "machine is less busy")  # fmt: skip
    if result.stopped == "output":
        return wrong("output", f"it printed more than {OUTPUT_LIMIT:,} characters and was stopped: is there a print in "
                     "a loop?")  # fmt: skip
    how, number = f"exit status {result.status}", -result.status
    if number > 0:
        how = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return wrong("crash", f"Python itself ended before the function returned ({how}): does the file call os._exit(), "
                 "or a library that crashes?")  # fmt: skip


def compare(exercise, cases, inputs, right, got):
    """The first array of a case that is wrong, as fields of a Verdict, or {}."""
    for name, expected in right.items():
        if name not in got or (got[name].shape == expected.shape and close(got[name], expected, exercise.tolerance)):
            continue
        plain, array = name.removesuffix(" again"), got[name]
        call = ", in a second call of the same object," if name != plain else ""
        if array.shape != expected.shape:
            words = f"{plain}{call} must have shape {expected.shape}, got {array.shape}{sizes(exercise, inputs)}"
            return wrong("shape", words, wrong_shape(exercise, name, inputs, right, got), array=plain)
        if array.dtype == np.float32 and same(array, expected, 1e-5):
            return wrong("dtype", f"{plain} is right to 7 digits only: it is float32, the inputs are float64",
                         "leave out dtype=, or take that of the input", array=plain)  # fmt: skip
        if exercise.secret:
            return wrong("value", hidden(plain, array, expected), array=plain)
        index = worst(array, expected)
        values = {"expected": float(expected[index]) + 0.0, "got": float(array[index]) + 0.0}  # 0, not -0
        place = f"{plain}[{', '.join(map(str, index))}]" if index else plain
        must, is_now = apart(values["expected"], values["got"])
        words = f"{place}{call} must be {must}, got {is_now}{sizes(exercise, inputs)}"
        likely = likely_mistake(exercise, name, cases) or unwritten_elements(array, expected)
        return wrong("value", words, likely, array=plain, index=index, **values)
    return {}


def close(got, expected, tolerance):
    return bool(np.all(np.abs(got - expected) <= tolerance * max(np.abs(expected).max(initial=0.0), 1e-300)))


def apart(a, b):
    """Both numbers with as many digits, six at least, as it takes to tell them apart."""
    texts = [(f"{a:.{digits}g}", f"{b:.{digits}g}") for digits in range(6, DIGITS + 1)]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[-1])


def hidden(name, array, expected):
    """How many elements are right, and which is the first that is not, without what it must be."""
    right = array == expected
    return f"{right.sum()} of {right.size} {name} are right; that of number {right.argmin() + 1} is not"


def worst(array, expected):
    """Where the largest error sits; anything that is not a number is larger than all others."""
    with np.errstate(invalid="ignore"):
        error = np.abs(array - expected)
    return tuple(map(int, np.unravel_index(np.where(np.isnan(error), np.inf, error).argmax(), error.shape)))


def unwritten_elements(array, expected):
    """np.empty, if every element is either right or NaN, which student.py puts into whatever np.empty makes."""
    never = np.isnan(array)
    if never.any() and close(array[~never], expected[~never], 1e-6):
        return "np.empty holds whatever was in memory (here: nan). Write every element, or begin with np.zeros"
    return ""


def sizes(exercise, inputs):
    """The case in a few words: "  [x (2, 5), size = 3]"."""
    names = dict.fromkeys(name for step in exercise.steps for name in step.args if not name.endswith(" again"))
    words = [f"{n} {inputs[n].shape}" if hasattr(inputs[n], "shape") else f"{n} = {inputs[n]}" for n in names]
    return f"  [{', '.join(words)}]"
