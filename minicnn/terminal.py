"""What output goes to: a terminal, whose lines have an end, or a file, where a line may be as long as it likes."""

import os
import textwrap

WIDTH = 80
"""Columns that every table fits into."""


def is_terminal(stream):
    """Whether a person looks at ``stream``, sys.stdout or sys.stderr: bars and colours are for them alone."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def columns(stream):
    """How many columns the terminal behind ``stream`` has, COLUMNS if that is set; None where there is none."""
    if not is_terminal(stream):
        return None
    try:
        given = int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(stream.fileno()).columns
    except (ValueError, OSError):
        given = WIDTH
    return max(given, 40)


def fitted(text, stream, indent=""):
    """``text``, line by line, broken between words where ``stream`` is a terminal too narrow for it."""
    wide = columns(stream)
    if wide is None:
        return text
    how = {"subsequent_indent": indent, "break_long_words": False, "break_on_hyphens": False}
    lines = (textwrap.wrap(line, wide, **how) if len(line) > wide else [line] for line in text.split("\n"))
    return "\n".join("\n".join(each) for each in lines)
