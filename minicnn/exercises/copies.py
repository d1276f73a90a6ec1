"""The exercises, the lecture and the other examples, from the package to a folder to work in."""

from pathlib import Path

from minicnn import sources
from minicnn.files import atomic_write

EXAMPLES = Path("examples")
"""Where they go unless another folder is named: paths are then those of the documentation."""


def copy(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy all to ``folder``, made if it is missing -> (files that were written, files of others that were kept).

    A file that is there already is never overwritten: it may hold a student's work. Raises OSError where a file cannot
    be written.
    """
    written, kept = [], []
    home = sources.folder(sources.examples())
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        if not path.is_file() or path.suffix == ".pyc" or name.parts[0] in ("runs", "__init__.py"):
            continue
        target, contents = folder / name, path.read_bytes()
        if target.exists():
            if target.read_bytes() != contents:
                kept.append(target)
            continue
        with atomic_write(target) as file:
            file.write(contents)
        written.append(target)
    return written, kept


def said(folder: Path, written: list[Path], kept: list[Path], prog: str) -> str:
    """What was done, in words, and how to go on."""
    exercises = sum(path.parent.name == "exercises" for path in written)
    counts = [f"{count} {word}{'s'[: count != 1]}" for count, word in
              ((exercises, "exercise"), (len(written) - exercises, "other file"))]  # fmt: skip
    lines = [f"copied to {folder}: {' and '.join(counts)}"]
    if kept:
        lines.append(f"kept as they were, for they differ: {', '.join(map(str, kept))}")
    where = "" if folder == EXAMPLES else f" {folder / 'exercises'}"
    notebook = folder / "backprop_in_class.ipynb"
    return "\n".join([*lines, f"To check exercises: {prog}{where}", f"The lecture, in Jupyter: {notebook}"])
