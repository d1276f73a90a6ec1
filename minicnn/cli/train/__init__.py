"""``minicnn train``, the main job: examples/lenet5_mnist.py, which is short, and what it takes for granted."""

import importlib

from minicnn import sources
from minicnn.cli.train.job import Job

__all__ = ["Job", "main"]


def main(arguments=None, prog=None):
    """Run the script with these arguments -> the exit status."""
    script = importlib.import_module(f"{sources.examples().__name__}.lenet5_mnist")
    return script.main(arguments, prog)
