"""What an exercise is: the file to complete, how it is used, what must come out, and what often comes out instead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np


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
    """draw: rng -> the cases, one mapping of inputs each (arrays and numbers by name); expected: inputs -> {name:
    array}, computed by the engine itself; hints: three, from a nudge to the formula; batched: the inputs whose last
    axis is the samples; tolerance: relative to the largest element of an array; secret: no message may give the answer
    away; seed: of the cases, by default the exercise's number, so that they stay the same while a student works."""

    file: str
    title: str
    steps: tuple
    draw: Callable
    expected: Callable
    hints: tuple
    mistakes: tuple = ()
    batched: tuple = ()
    tolerance: float = 1e-8
    secret: bool = False
    seed: int | None = None

    @property
    def number(self):
        """The digits in the file's name."""
        return int(self.file[2:4])

    @cached_property
    def cases(self):
        return tuple(self.draw(np.random.default_rng(self.number if self.seed is None else self.seed)))

    def anew(self, seed):
        """The same exercise with other cases."""
        return replace(self, seed=seed)
