"""Verdicts as a table for people and as JSON for machines."""

import json
import math
import textwrap

from minicnn.exercises.judge import MISSING, NOT_STARTED, PASSED, UNFINISHED, WRONG

WORDS = {PASSED: "passed", WRONG: "WRONG", UNFINISHED: "unfinished", NOT_STARTED: "not started", MISSING: "MISSING"}
COLOURS = {PASSED: "\033[32m", WRONG: "\033[31m", UNFINISHED: "\033[33m", NOT_STARTED: "\033[2m",
           MISSING: "\033[31m"}  # fmt: skip
PRINTED_LINES = 6


def table(verdicts, width=110, colour=False):
    """One line a verdict; below a wrong one what is wrong, the line of the file, and the likely mistake."""
    wide = max(len(verdict.exercise.title) for verdict in verdicts)
    lines = [f"     {'exercise':{wide}}  result", "-" * width]
    for verdict in verdicts:
        word = WORDS[verdict.status]
        if verdict.status == PASSED and verdict.uses_engine:
            word = f"{word}, by minicnn's own code"
        if colour:
            word = f"{COLOURS[verdict.status]}{word}\033[0m"
        file = "" if verdict.status == PASSED else f"  {verdict.exercise.file}"
        pad = " " * (max(map(len, WORDS.values())) - len(WORDS[verdict.status])) if file else ""
        lines.append(f" {verdict.exercise.number:2}  {verdict.exercise.title:{wide}}  {word}{pad}{file}")
        lines += details(verdict, width)
    return "\n".join([*lines, "-" * width, summary(verdicts)])


def details(verdict, width):
    """What there is to say about one verdict, wrapped and indented."""
    lines = []
    if verdict.message:
        lines += [("", verdict.message)]
    if verdict.line:
        lines += [(f"line {verdict.line}:  ", verdict.text or "?")]
    if verdict.likely:
        lines += [("likely:  ", verdict.likely)]
    if verdict.status == WRONG and verdict.printed.strip():
        printed = verdict.printed.strip().splitlines()
        lines += [("printed: ", line) for line in printed[:PRINTED_LINES]]
        if len(printed) > PRINTED_LINES:
            lines += [("         ", "...")]
    texts = []
    for lead, text in lines:
        texts += textwrap.wrap(text, width, initial_indent=" " * 8 + lead, break_on_hyphens=False,
                               subsequent_indent=" " * (8 + len(lead)))  # fmt: skip
    return texts


def summary(verdicts):
    counts = {status: sum(v.status == status for v in verdicts) for status in WORDS}
    parts = [f"{counts[PASSED]} of {len(verdicts)} passed"]
    parts += [f"{counts[status]} {status}" for status in (WRONG, UNFINISHED, NOT_STARTED, MISSING) if counts[status]]
    text = ", ".join(parts)
    left = [v for v in verdicts if v.status != PASSED]
    return f"{text}. Next: {left[0].exercise.file}" if left else f"{text}. Well done."


def hints(exercises, level, width=110):
    """What helps, up to this level, wrapped."""
    lines = []
    for exercise in exercises:
        lines += [f"{exercise.number}  {exercise.title}"]
        for number, text in enumerate(exercise.hints[:level], 1):
            lead = f"  hint {number}:  "
            lines += textwrap.wrap(text, width, initial_indent=lead, subsequent_indent=" " * len(lead),
                                   break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines)


def as_json(verdicts, folder):
    """All verdicts as one JSON object; numbers that JSON does not have (nan, inf) become strings."""
    return json.dumps({
        "folder": str(folder), "passed": sum(v.status == PASSED for v in verdicts), "total": len(verdicts),
        "exercises": [as_dict(verdict) for verdict in verdicts],
    }, indent=2, allow_nan=False)  # fmt: skip


def as_dict(verdict):
    fields = {name: value for name, value in vars(verdict).items() if name != "exercise"}
    for name in ("expected", "got"):
        if fields[name] is not None and not math.isfinite(fields[name]):
            fields[name] = str(fields[name])
    return {"number": verdict.exercise.number, "title": verdict.exercise.title, "file": verdict.exercise.file, **fields}
