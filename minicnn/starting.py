"""Ctrl-C while minicnn is being imported: one of its own commands then ends without a traceback to read.

There is nothing to end cleanly yet, so the system may end the process. Other programs are left alone.
"""

import signal
import sys
import threading
from pathlib import Path

EXAMPLES = [Path(__file__).resolve().parent / "examples", Path(__file__).resolve().parents[1] / "examples"]
"""Of an installed minicnn, and of its sources."""


def is_command():
    """Whether this process is ``minicnn``, ``python -m minicnn...`` or one of the examples, perhaps as a copy."""
    started = Path(getattr(sys, "argv", [""])[0])
    if started.name == "-m":  # what is there as long as Python looks for the module
        module = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv[:-1] else ""
        return module.partition(".")[0] == "minicnn"
    return started.stem == "minicnn" or any((folder / started.name).is_file() for folder in EXAMPLES)


def quiet():
    """From here on Ctrl-C ends the process at once and in silence, until ``ready``."""
    _exchange(signal.default_int_handler, signal.SIG_DFL)


def ready():
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    _exchange(signal.SIG_DFL, signal.default_int_handler)


def _exchange(old, new):
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is old:
        signal.signal(signal.SIGINT, new)
