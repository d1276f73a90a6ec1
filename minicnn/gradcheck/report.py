"""What a gradient check found, as fields and as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from minicnn.terminal import WIDTH


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

    One line an array: its largest relative error, where it sits, and both values there. A table that were wider than
    WIDTH has place and values below the line, and of arrays that did not pass only.
    """
    arrays = [(name if first else "", array) for name, report in reports
              for first, array in zip([True] + [False] * len(report.arrays), report.arrays)]  # fmt: skip
    columns = {
        "": [name for name, _ in arrays], "array": [array.name for _, array in arrays],
        "shape": [str(array.shape) for _, array in arrays], "checked": [_checked(array) for _, array in arrays],
        "error": [f"{array.error:.1e}" if array.index is not None else "" for _, array in arrays],
    }  # fmt: skip
    places = {
        "at": [str(array.index) if array.index is not None else "" for _, array in arrays],
        "backward": [_value(array.analytic) for _, array in arrays],
        "differences": [_value(array.numeric) for _, array in arrays],
    }  # fmt: skip
    verdicts = {" ": [array.verdict for _, array in arrays]}
    if not any(columns[""]):
        del columns[""]
    texts = _lines({**columns, **places, **verdicts})
    if max(map(len, texts)) > WIDTH:
        texts = _lines({**columns, **verdicts})
        indent = " " * (texts[0].index("array") + 2)
        for place, (_, array) in enumerate(arrays, 1):
            if array.index is not None and not array.passed:
                at, backward, differences = (column[place - 1] for column in places.values())
                texts[place] += f"\n{indent}at {at}: backward {backward}, differences {differences}"
    return [texts[0], "-" * max(len(line) for text in texts for line in text.split("\n")), *texts[1:]]


NUMBERS = ("checked", "error", "backward", "differences")
"""Columns that end where their heads end; the others begin there."""


def _lines(columns: dict[str, list[str]]) -> list[str]:
    """The head and the rows of a table."""
    cells = []
    for head, column in columns.items():
        wide = max(map(len, [head, *column]))
        cells.append([text.rjust(wide) if head in NUMBERS else text.ljust(wide) for text in (head, *column)])
    return ["  ".join(row).rstrip() for row in zip(*cells)]


def _checked(array: ArrayCheck) -> str:
    return f"{array.checked:,}" if array.checked == array.size else f"{array.checked:,} of {array.size:,}"


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"
