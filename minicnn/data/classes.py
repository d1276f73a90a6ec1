"""What the labels 0, 1, 2, ... of a data set stand for: names of classes."""

import operator
from collections.abc import Sequence

MOST = 256
"""Labels are bytes."""

DIGITS = tuple("0123456789")


def class_names(classes: int | Sequence[str]) -> tuple[str, ...]:
    """A tuple of names from their number N ("0" to "N-1"), from a text of characters, or from any sequence of names.

    Raises TypeError for anything else, and ValueError unless they are 2 to 256, all different, none of them empty.

    >>> class_names("ABC")
    ('A', 'B', 'C')
    >>> class_names(3)
    ('0', '1', '2')
    """
    if isinstance(classes, Sequence):
        names = tuple(classes)
    else:
        try:
            names = tuple(map(str, range(min(operator.index(classes), MOST + 1))))
        except TypeError:
            raise TypeError(f"classes must be a number or a sequence of names, got {classes!r}") from None
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"classes must be names, got {name!r} among them")
        if not name.strip():
            raise ValueError(f"classes must have names that can be read, got {name!r} among them")
    if not 2 <= len(names) <= MOST:
        count = len(names) if isinstance(classes, Sequence) else classes
        raise ValueError(f"classes must be 2 to {MOST}, got {count}: there must be something to tell apart")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"classes must all be different, got {', '.join(map(repr, twice))} more than once")
    return names


def unnamed(labels):
    """The names of labels of which nothing is known: the numbers from 0 to the highest, at least the ten digits."""
    return class_names(max(len(DIGITS), int(labels.max(initial=0)) + 1))


def listed(classes: Sequence[str], most: int = 12) -> str:
    """Names for a message: all of them, or the first and the last.

    >>> listed("ABC")
    'A, B, C'
    >>> listed(class_names(26))
    '0, 1, 2, ..., 25'
    """
    return ", ".join(classes if len(classes) <= most else [*classes[:3], "...", classes[-1]])
