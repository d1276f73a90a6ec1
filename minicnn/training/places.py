"""Where a run writes: looked at before it begins, and what an earlier run has left there."""

import contextlib
import os

from minicnn.files import check_writable, checked_path


class Places:
    """The files of a run: its checkpoint and its history, each a path or None.

    Within the block files of an earlier run are set aside, renamed to .NAME.earlier: a run that is killed before its
    first checkpoint leaves none that is another run's, to be gone on from by mistake. ``replaced()`` removes them, when
    the new run has written its own; an error before that brings them back. Nothing is set aside where the run goes on
    from the very checkpoint that it writes.

    Raises OSError, before anything is changed, where a file could not be written, and TypeError for what is no path.
    """

    def __init__(self, resume, checkpoint, history):
        named = {"checkpoint": checkpoint, "history": history}
        self.paths = [checked_path(name, path) for name, path in named.items() if path is not None]
        self.aside = []
        for path in self.paths:
            check_writable(path)
        self.goes_on = resume is not None and (checkpoint is None or _same(checked_path("resume", resume), checkpoint))

    def __enter__(self):
        if self.goes_on:
            self.replaced()
            return self
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, _old(path))
                self.aside.append(path)
        return self

    def replaced(self):
        for path in self.paths:  # those that a killed run has left set aside, too
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_old(path))
        self.aside = []

    def __exit__(self, *error):
        for path in self.aside:
            with contextlib.suppress(FileNotFoundError):
                os.replace(_old(path), path)


def _old(path):
    return path.with_name(f".{path.name}.earlier")


def _same(a, b):
    return os.path.exists(a) and os.path.exists(b) and os.path.samefile(a, b)
