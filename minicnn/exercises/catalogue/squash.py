"""Exercise 2: the slope of the squashing function."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import ScaledTanh

A, S = ScaledTanh.A, ScaledTanh.S


def cases(rng):
    activations = [2 * rng.standard_normal(shape) for shape in [(4, 3), (2, 3, 3, 2), (5,)]]
    return tuple(
        {"a": a, "y": ScaledTanh().forward(a), "dy": rng.standard_normal(a.shape)} for a in activations
    )  # fmt: skip


def expected(inputs):
    squash = ScaledTanh()
    squash.forward(inputs["a"])
    return {"da": squash.backward(inputs["dy"])}


def wrong_slope(text, slope):
    return Mistake(text, lambda i, right: {"da": slope(i["y"]) * i["dy"]})


SQUASH = Exercise(
    file="ex02_squash_backward.py", title="squash slope",
    steps=(Step("squash_backward", ("y", "dy"), returns=("da",)),),
    draw=cases, expected=expected,
    hints=(
        "Every element goes its own way: dL/da = dL/dy · dy/da, element by element. What is the slope of tanh?",
        "tanh' = 1 - tanh². The inner factor S comes out, the outer factor A stays; and tanh(S a) is y / A.",
        "da = A S (1 - (y/A)²) dy",
    ),
    mistakes=(
        Mistake("it is the slope f'(a) alone: multiply it by dy",
                lambda i, right: {"da": A * S * (1 - (i["y"] / A) ** 2)}),
        wrong_slope("y is not divided by A: the slope is A S (1 - (y/A)²)", lambda y: A * S * (1 - y**2)),
        wrong_slope("this is the slope of tanh itself: f has A and S in it too", lambda y: 1 - y**2),
        wrong_slope("y/A is not squared", lambda y: A * S * (1 - y / A)),
        wrong_slope("the factor A is missing", lambda y: S * (1 - (y / A) ** 2)),
        wrong_slope("the factor S is missing", lambda y: A * (1 - (y / A) ** 2)),
        wrong_slope("the factors A and S are missing", lambda y: 1 - (y / A) ** 2),
        wrong_slope("tanh is taken again: y is f(a) already, not a", lambda y: A * S * (1 - np.tanh(S * y) ** 2)),
        wrong_slope("dy is multiplied by f(a); it must be f'(a), the slope", lambda y: y),
    ),
)  # fmt: skip
