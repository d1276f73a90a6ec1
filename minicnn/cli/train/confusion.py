"""Which classes are taken for which, for a terminal."""

import numpy as np

from minicnn.terminal import WIDTH

SHOWN = 15
"""So many mistakes, where the matrix is too wide."""


def confusion_words(confusion, classes, what):
    """The matrix confusion[true, predicted] where it fits, else the most frequent mistakes and each class's error."""
    table = confusion_table(confusion, classes)
    if max(map(len, table)) <= WIDTH:
        return "\n".join([f"confusion matrix of the {what} (rows: true class, columns: predicted)", *table])
    lines = [f"what the {what} are taken for", *mistakes(confusion, classes), "", "error of each class"]
    return "\n".join([*lines, *errors(confusion, classes)])


def confusion_table(confusion, classes):
    """A line a class. Columns have the names of the classes if these are short, else their numbers."""
    width = max(5, len(str(confusion.max())) + 1)
    short = max(map(len, classes)) < width
    heads = classes if short else list(map(str, range(len(classes))))
    rows = classes if short else [f"{number:>2} {name}" for number, name in zip(heads, classes)]
    first = max(5, *map(len, rows))
    lines = [" " * first + "".join(f"{head:>{width}}" for head in heads)]
    align = ">" if short else "<"
    return lines + [f"{row:{align}{first}}" + "".join(f"{count:{width}}" for count in counts)
                    for row, counts in zip(rows, confusion)]  # fmt: skip


def mistakes(confusion, classes):
    """The most frequent ones, a line each."""
    wrong = confusion * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(SHOWN, np.count_nonzero(wrong))]
    pairs = [(divmod(int(place), len(classes)), int(wrong.flat[place])) for place in order]
    wide = max((len(classes[true]) for (true, _), _ in pairs), default=0)
    digits = max((len(f"{count:,}") for _, count in pairs), default=0)
    lines = [f"  {classes[true]:{wide}} for {classes[predicted]}: {count:>{digits},} of {confusion[true].sum():,}"
             for (true, predicted), count in pairs]  # fmt: skip
    rest = int(wrong.sum()) - sum(count for _, count in pairs)
    return lines + [f"  and {rest:,} other mistakes"] * (rest > 0) or ["  nothing else"]


def errors(confusion, classes):
    """The share of each class that was misread, as many to a line as there is room for."""
    totals = confusion.sum(axis=1)
    shares = [f"{(total - right) / total:.1%}" if total else "-" for total, right in zip(totals, np.diag(confusion))]
    wide = max(map(len, classes))
    texts = [f"  {name:{wide}} {share:>6}" for name, share in zip(classes, shares)]
    per_line = max(1, WIDTH // len(texts[0]))
    return ["".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
