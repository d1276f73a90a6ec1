"""A whole class: every student's folder checked, a line of CSV for each."""

import csv

from minicnn.exercises.catalogue import EXERCISES
from minicnn.exercises.judge import PASSED
from minicnn.files import atomic_write


def students(folder):
    """The folders within ``folder`` that hold at least one of the exercises, by name."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and any((f / e.file).is_file() for e in EXERCISES))


def write_report(path, exercises, verdicts):
    """verdicts: {student: [Verdict, in the order of exercises]}.

    Columns: student, passed, total, uses_engine (the numbers of the exercises in which minicnn itself was used), then
    one for each exercise, named like its file, with the status, or "wrong: reason".
    """
    with atomic_write(path, "w") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["student", "passed", "total", "uses_engine", *(e.file.removesuffix(".py") for e in exercises)])
        for student, of_one in verdicts.items():
            passed, used = [v.status == PASSED for v in of_one], [v.exercise.number for v in of_one if v.uses_engine]
            words = [f"{v.status}: {v.reason}" if v.status == "wrong" else v.status for v in of_one]
            lines.writerow([cell(student), sum(passed), len(passed), " ".join(map(str, used)), *words])


def cell(name):
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def summary(exercises, verdicts):
    """How many have passed each exercise."""
    wide = max(len(e.title) for e in exercises)
    lines = [f"{len(verdicts)} student{'s'[: len(verdicts) > 1]}"]
    for place, exercise in enumerate(exercises):
        passed = sum(of_one[place].status == PASSED for of_one in verdicts.values())
        lines.append(f" {exercise.number:2}  {exercise.title:{wide}}  {passed} passed")
    return "\n".join(lines)
