"""Exercise 13: softmax cross-entropy."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.losses import CrossEntropyLoss


def cases(rng):
    """Small logits, then such that exp overflows; the first sample is always one that is read wrongly."""
    made = []
    for classes, n, scale in [(3, 3, 1.0), (4, 5, 2.0), (2, 1, 1.0), (5, 4, 3000.0)]:
        z, labels = scale * rng.standard_normal((classes, n)), rng.integers(classes, size=n)
        labels[0] = z[:, 0].argmin()
        made.append({"z": z, "labels": labels})
    return tuple(made)


def expected(inputs):
    loss = CrossEntropyLoss()
    loss.forward(inputs["z"], inputs["labels"])
    dz = loss.backward()
    return {"p": dz * dz.shape[1] + right_class(inputs), "dz": dz}


def right_class(inputs):
    """[i = D], (classes, N)."""
    return np.arange(len(inputs["z"]))[:, None] == inputs["labels"]


def over(axis):
    """The softmax along another axis, and the gradient that comes of it."""

    def predict(inputs, right):
        terms = np.exp(inputs["z"] - inputs["z"].max(axis=axis, keepdims=True))
        p = terms / terms.sum(axis=axis, keepdims=True)
        return {"p": p, "dz": (p - right_class(inputs)) / p.shape[1]}

    return predict


def naive(inputs, right):
    with np.errstate(all="ignore"):
        terms = np.exp(inputs["z"])
        p = terms / terms.sum(axis=0)
    return {"p": p, "dz": (p - right_class(inputs)) / p.shape[1]}


SOFTMAX = Exercise(
    file="ex13_softmax_cross_entropy.py", title="softmax cross-entropy",
    steps=(Step("softmax", ("z",), returns=("p",)), Step("gradient", ("z", "labels"), returns=("dz",))),
    draw=cases, expected=expected, batched=("z", "labels"),
    hints=(
        "Write E with logarithms: -log p[D] = log(sum of exp(z[k])) - z[D]. Now there are two terms, each with an "
        "easy derivative. And softmax stays the same if every logit of a sample is lowered by the same number.",
        "The derivative of log(sum of exp(z[k])) with respect to z[i] is p[i]; that of z[D] is 1 for i = D, else "
        "0. Take the largest logit of each sample away first. The mean brings 1/N.",
        "dz = (p - [i = D]) / N,   p = exp(z - m) / the sum over classes of exp(z - m),   m the largest logit of a"
        " sample",
    ),
    mistakes=(
        Mistake("exp overflows here: take the largest logit of each sample away first, p stays the same", naive),
        Mistake("the sum runs over the samples: it must run over the classes, axis 0", over(1)),
        Mistake("the sum runs over everything: it must run over the classes of each sample, axis 0", over(None)),
        Mistake("this is the softmax alone: take 1 from the right class",
                lambda i, right: {"dz": right["p"] / len(i["labels"])}),
        Mistake("1/N is missing: E is the mean over the samples",
                lambda i, right: {"dz": len(i["labels"]) * right["dz"]}),
        Mistake("this divides by the number of classes: N is the number of samples",
                lambda i, right: {"dz": right["dz"] * len(i["labels"]) / len(i["z"])}),
        Mistake("only the right class has a gradient here: the others are pushed away too",
                lambda i, right: {"dz": right["dz"] * right_class(i)}),
    ),
)  # fmt: skip
