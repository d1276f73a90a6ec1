"""Exercises that check themselves: ``minicnn exercises``.

The files to complete are minicnn's examples/exercises/ex*.py. Each is run in a process of its own on several cases,
and what it returns is compared with what the engine itself computes.
"""

from minicnn.exercises.catalogue import EXERCISES
from minicnn.exercises.judge import Verdict, check

__all__ = ["EXERCISES", "Verdict", "check"]
