"""The command ``minicnn``: a module for each of its words, imported only when that is asked for.

A new one is a line of COMMANDS. The module's ``main(arguments, prog)`` takes the rest of the command line and returns
the exit status, 0 or None where all went well; what it raises becomes one line on stderr (``ends``).
"""

import argparse
import importlib
import logging
import os
import sys
from pathlib import Path

from minicnn import __version__, starting
from minicnn.errors import MinicnnError
from minicnn.terminal import fitted

COMMANDS = {
    "train": ("minicnn.cli.train", "train LeNet-5 on MNIST; needs no argument"),
    "predict": ("minicnn.cli.predict", "read picture files: what each shows, and how far each class is"),
    "export": ("minicnn.cli.export", "write a trained network for PyTorch, ONNX and others"),
    "draw": ("minicnn.page.__main__", "draw a digit and watch LeNet-5 read it, in the browser"),
    "exercises": ("minicnn.exercises.__main__", "check the exercises, or copy them to a folder"),
    "info": ("minicnn.cli.info", "what computes here; to be pasted into a bug report"),
}
"""By name: the module, and what it does in a few words."""


def main(arguments=None):
    """The command line, by default this process's -> the exit status."""
    return ends(lambda: run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments):
    """The command that the arguments begin with -> its exit status; without one a list of all."""
    called = "python -m minicnn" if Path(sys.argv[0]).name == "__main__.py" else "minicnn"
    if arguments and arguments[0] in COMMANDS:
        name, *rest = arguments
        return importlib.import_module(COMMANDS[name][0]).main(rest, prog=f"{called} {name}")
    wide = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog=called, description="LeNet-5 as published in 1998, from scratch on NumPy and CuPy.",
        formatter_class=argparse.RawDescriptionHelpFormatter, usage=f"{called} COMMAND ...",
        epilog="\n".join(["commands:", *(f"  {name:{wide}}  {about}" for name, (_, about) in COMMANDS.items()),
                          "", f"{called} COMMAND --help says more."]),
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"minicnn {__version__}")
    parser.add_argument("command", choices=COMMANDS, nargs="?", help=argparse.SUPPRESS)
    parser.parse_args(arguments)
    parser.print_help()
    return 0


class Warnings(logging.StreamHandler):
    """What minicnn warns of, on stderr."""

    def format(self, record):
        return fitted(super().format(record), sys.stderr, indent="    ")


def ends(command):
    """command() -> the exit status of a program; what a user can do something about is one line on stderr."""
    starting.ready()
    if not (log := logging.getLogger("minicnn")).handlers:
        log.addHandler(Warnings())
    try:
        return command()
    except BrokenPipeError:  # whoever reads has seen enough, as in "minicnn predict ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MinicnnError, ImportError, ValueError, OSError) as error:
        if not getattr(error, "elsewhere", False):  # another of the processes that train together tells of it
            print(fitted(f"error: {error}", sys.stderr, indent="    "), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
