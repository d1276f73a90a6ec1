"""What a gradient check found, as fields and as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArrayCheck:
    """One array: a parameter, or the input "x".

    error: the largest relative error; index, analytic, numeric: where it sits and both values there (None if no
    element could be compared). checked of size elements were compared; wrong: how many of them disagree. kinks:
    how many elements have a kink within the step; left_out: those of them that sit at it, where no slope exists.
    notes: sentences about all that. likely: the mistake that the errors look like, or "". passed: whatever was
    compared agrees, and something could be compared. missing: it is a parameter that parameters() does not return.
    """

    name: str
    shape: tuple[int, ...]
    size: int
    checked: int
    error: float
    index: tuple[int, ...] | None
    analytic: float | None
    numeric: float | None
    wrong: int
    kinks: int
    left_out: int
    notes: tuple[str, ...]
    passed: bool
    likely: str = ""
    missing: bool = False

    @property
    def verdict(self) -> str:
        """In a word: "ok", "WRONG", "MISSING", or "unclear" if there was nothing to compare."""
        return "ok" if self.passed else "MISSING" if self.missing else "WRONG" if self.wrong else "unclear"


@dataclass(frozen=True)
class Report:
    """Truthy if every array passed; ``str`` is a table, ``arrays`` holds an ArrayCheck for each of its lines.

    notes: sentences about the check as a whole.
    """

    title: str
    arrays: tuple[ArrayCheck, ...]
    tolerance: float
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every array passed."""
        return all(array.passed for array in self.arrays)

    @property
    def failed(self) -> list[ArrayCheck]:
        """The arrays that did not pass."""
        return [array for array in self.arrays if not array.passed]

    @property
    def error(self) -> float:
        """The largest relative error of all; not a number if some array could not be compared at all."""
        errors = [array.error for array in self.arrays if not array.missing]
        return math.nan if any(map(math.isnan, errors)) else max(errors, default=math.nan)

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> ArrayCheck:
        """The ArrayCheck of an array by its name: ``report["x"]``."""
        for array in self.arrays:
            if array.name == name:
                return array
        raise KeyError(f"no array is called {name!r}; there are {', '.join(array.name for array in self.arrays)}")

    def __str__(self) -> str:
        return "\n".join([self.title, *table([("", self)]), *self.remarks(), self.verdict()])

    __repr__ = __str__

    def verdict(self) -> str:
        """The last line of the table: whether all agrees, or which arrays do not."""
        if self.passed:
            return f"gradients agree: no relative error above {self.tolerance:g}"
        said = {
            "WRONG": f"gradients DISAGREE in {{}} (tolerance {self.tolerance:g})", "MISSING": "parameters() forgets {}",
            "unclear": "no verdict on {}",
        }  # fmt: skip
        named = {word: ", ".join(a.name for a in self.failed if a.verdict == word) for word in said}
        return "; ".join(said[word].format(names) for word, names in named.items() if names)

    def remarks(self) -> list[str]:
        """A sentence for everything that the table cannot show."""
        notes = [f"{array.name}: {note}" for array in self.arrays for note in array.notes]
        return [*notes, *(f"{array.name}: likely {array.likely}" for array in self.arrays if array.likely), *self.notes]


def table(reports: Sequence[tuple[str, Report]]) -> list[str]:
    """Lines of a table that shows several reports: [(what to call it, Report), ...] -> list of str.

    One line an array: its largest relative error, where it sits, and both values there.
    """
    named = any(name for name, _ in reports)
    head = ("", "array", "shape", "checked", "largest error", "at", "backward says", "differences say", "")
    rows: list[tuple[str, ...]] = [head]
    for name, report in reports:
        for array in report.arrays:
            rows.append((name, *_cells(array)))
            name = ""
    columns = range(0 if named else 1, len(rows[0]))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    left = (0, 1, 2, 5, 8)
    texts = []
    for row in rows:
        cells = [row[i].ljust(widths[i]) if i in left else row[i].rjust(widths[i]) for i in columns]
        texts.append("  ".join(cells).rstrip())
    return [texts[0], "-" * max(map(len, texts)), *texts[1:]]


def _cells(array: ArrayCheck) -> tuple[str, ...]:
    checked = f"{array.checked:,}" if array.checked == array.size else f"{array.checked:,} of {array.size:,}"
    if array.index is None:
        return array.name, str(array.shape), checked, "", "", "", "", array.verdict
    values = f"{array.analytic:.9g}", f"{array.numeric:.9g}"
    return array.name, str(array.shape), checked, f"{array.error:.1e}", str(array.index), *values, array.verdict
