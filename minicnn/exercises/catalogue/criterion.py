"""Exercise 8: the gradient of equation 9."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.losses import MAPLoss


def cases(rng):
    """Small distances, then such as an untrained network gives, for which exp(-y) is 0 in the computer."""
    return tuple(
        {"y": scale * rng.uniform(0.1, 1, (classes, n)), "labels": rng.integers(classes, size=n), "j": j}
        for classes, n, scale, j in [(4, 3, 3.0, 1.5), (10, 5, 6.0, 3.0), (3, 1, 2.0, 0.5), (10, 4, 5000.0, 4000.0)]
    )  # fmt: skip


def expected(inputs):
    loss = MAPLoss(j=inputs["j"])
    loss.forward(inputs["y"], inputs["labels"])
    return {"dy": loss.backward()}


def right_class(inputs):
    """[i = D], (classes, N)."""
    return np.arange(len(inputs["y"]))[:, None] == inputs["labels"]


def shifted(inputs, sign=-1):
    """exp(-y) and exp(-j), multiplied by exp(m) such that the largest term of a sample is 1."""
    y, j = sign * inputs["y"], sign * inputs["j"]
    m = np.maximum(y.max(axis=0), j)
    return np.exp(y - m), np.exp(j - m)


def without_j(inputs, right):
    loss = MAPLoss()
    loss.forward(inputs["y"], inputs["labels"])
    return {"dy": loss.backward()}


def wrong_sign_in_exp(inputs, right):
    terms, rubbish = shifted(inputs, sign=1)
    return {"dy": (right_class(inputs) - terms / (rubbish + terms.sum(axis=0))) / inputs["y"].shape[1]}


def naive(inputs, right):
    with np.errstate(all="ignore"):
        terms = np.exp(-inputs["y"])
        share = terms / (np.exp(-inputs["j"]) + terms.sum(axis=0))
    return {"dy": (right_class(inputs) - share) / inputs["y"].shape[1]}


CRITERION = Exercise(
    file="ex08_discriminative_gradient.py", title="equation 9's gradient",
    steps=(Step("discriminative_gradient", ("y", "labels", "j"), returns=("dy",)),),
    draw=cases, expected=expected, batched=("y", "labels"),
    hints=(
        "Two terms: y[D] depends on one y only. For the logarithm, d log(u) = du / u, and only one exponential in "
        "the sum contains y[i].",
        "The mean brings 1/N. Distances may be in the thousands, where exp(-y) is 0: multiply numerator and "
        "denominator by exp(m), with the m that keeps the largest term at 1.",
        "dE/dy[i, n] = 1/N ( [i = D] - exp(-y[i]) / (exp(-j) + the sum over k of exp(-y[k])) ),   m = min(j, the "
        "smallest y)",
    ),
    mistakes=(
        Mistake("exp(-y) is 0 here, and 0/0 is not a number: take out the smallest of y and j first "
                "(the last paragraph of the exercise)", naive),
        Mistake("exp(-j) is missing below the line", without_j),
        Mistake("the sign in exp is wrong: exp(-y), so that a small distance counts much", wrong_sign_in_exp),
        Mistake("the term of the right class, [i = D], is missing",
                lambda i, right: {"dy": right["dy"] - right_class(i) / i["y"].shape[1]}),
        Mistake("only the term of the right class is there: the fraction is missing",
                lambda i, right: {"dy": right_class(i) / i["y"].shape[1]}),
        Mistake("1/N is missing: E is the mean over the samples",
                lambda i, right: {"dy": right["dy"] * i["y"].shape[1]}),
        Mistake("this divides by the number of classes: N is the number of samples",
                lambda i, right: {"dy": right["dy"] * i["y"].shape[1] / len(i["y"])}),
    ),
)  # fmt: skip
