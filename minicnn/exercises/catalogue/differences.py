"""Exercise 11: a gradient check."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step


def cases(rng):
    """Steps so large that the two kinds of difference can be told apart; a pair of zeros for the error."""
    made = []
    for shape, h in [((3,), 0.1), ((2, 3), 0.05), ((2, 1, 2), 0.2)]:
        a = rng.standard_normal(shape)
        n = a + 0.1 * rng.standard_normal(shape)
        a.flat[0] = n.flat[0] = 0.0
        made.append({"x": rng.standard_normal(shape), "h": h, "a": a, "n": n})
    return tuple(made)


def loss(x):
    """As in the exercise's file."""
    return np.sum((1 + np.arange(x.size).reshape(x.shape)) * np.sin(x) + x**3)


def difference(x, up, down, divisor):
    """(loss with one element moved by up - loss with it moved by -down) / divisor, for every element."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[i] = 1.0
        gradient[i] = (loss(x + up * moved) - loss(x - down * moved)) / divisor
    return gradient


def error(a, n, scale):
    apart = np.abs(a - n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(apart == 0, 0.0, apart / scale)


def expected(inputs):
    x, h, a, n = (inputs[name] for name in ("x", "h", "a", "n"))
    return {"gradient": difference(x, h, h, 2 * h), "error": error(a, n, np.maximum(np.abs(a), np.abs(n)))}


def undefined(inputs, right):
    a, n = inputs["a"], inputs["n"]
    with np.errstate(invalid="ignore"):
        return {"error": np.abs(a - n) / np.maximum(np.abs(a), np.abs(n))}


def all_at_once(inputs, right):
    x, h = inputs["x"], inputs["h"]
    return {"gradient": np.full(x.shape, (loss(x + h) - loss(x - h)) / (2 * h))}


GRADIENT_CHECK = Exercise(
    file="ex11_gradient_check.py", title="a gradient check",
    steps=(Step("numeric_gradient", ("x", "h"), returns=("gradient",)),
           Step("relative_error", ("a", "n"), returns=("error",))),
    draw=cases, expected=expected,
    hints=(
        "One element at a time, and every element: np.ndindex(x.shape) runs through all of them, however many "
        "axes.",
        "Work on a copy of x, and undo each change before the next. A central difference looks to both sides: how "
        "far are the two places apart?",
        "(loss(x with x[i] + h) - loss(x with x[i] - h)) / 2h;   |a - n| / max(|a|, |n|), and 0 where that is 0/0",
    ),
    mistakes=(
        Mistake("this is the one-sided difference: look to both sides, x + h and x - h",
                lambda i, right: {"gradient": difference(i["x"], i["h"], 0.0, i["h"])}),
        Mistake("the two places are 2h apart: divide by that", lambda i, right: {"gradient": 2 * right["gradient"]}),
        Mistake("all elements are moved at once: every one needs two losses of its own", all_at_once),
        Mistake("both numbers are 0 here, and 0/0 is not a number: the error is 0 there", undefined),
        Mistake("the scale is |a| alone: take the larger of |a| and |n|",
                lambda i, right: {"error": error(i["a"], i["n"], np.abs(i["a"]))}),
        Mistake("the scale is |n| alone: take the larger of |a| and |n|",
                lambda i, right: {"error": error(i["a"], i["n"], np.abs(i["n"]))}),
        Mistake("this is the difference itself, not divided by the size of the numbers",
                lambda i, right: {"error": np.abs(i["a"] - i["n"])}),
    ),
)  # fmt: skip
