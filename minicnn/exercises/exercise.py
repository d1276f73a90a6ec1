"""What an exercise is: the file to complete, how it is used, what must come out, and what often comes out instead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One call of the student's code: ``call(*args)``.

    call: a function ("im2col"), a class ("Linear") whose instance is kept under ``makes``, or a method of such an
    instance ("layer.backward"). args: names of inputs. returns: names for what it returns, one array each.
    attributes: names for what it leaves in the instance's attributes, {name: attribute}.
    """

    call: str
    args: tuple
    makes: str = ""
    returns: tuple = ()
    attributes: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Mistake:
    """A known mistake: ``predict(inputs, expected)`` -> {name of an array: what the mistake makes of it}."""

    text: str
    predict: Callable


@dataclass(frozen=True, eq=False)
class Exercise:
    """cases: one mapping of inputs each (arrays and numbers by name); expected: inputs -> {name: array}, computed by
    the engine itself; batched: the inputs whose last axis is the samples; tolerance: relative to the largest
    element of an array."""

    file: str
    title: str
    steps: tuple
    cases: tuple
    expected: Callable
    mistakes: tuple = ()
    batched: tuple = ()
    tolerance: float = 1e-8

    @property
    def number(self):
        """The digits in the file's name."""
        return int(self.file[2:4])
