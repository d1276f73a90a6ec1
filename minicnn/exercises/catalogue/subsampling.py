"""Exercise 6: the gradients of a subsampling map's coefficient and bias."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Subsampling


def cases(rng):
    return tuple(
        {"x": rng.standard_normal((c, 2 * h, 2 * w, n)), "dy": rng.standard_normal((c, h, w, n))}
        for c, h, w, n in [(2, 2, 3, 3), (3, 1, 2, 2), (1, 2, 2, 1)]
    )  # fmt: skip


def expected(inputs):
    layer = Subsampling(len(inputs["x"]), dtype="float64")
    layer.forward(inputs["x"])
    layer.backward(inputs["dy"])
    return {"dcoefficient": layer.coefficient.grad, "dbias": layer.bias.grad}


def per_block(inputs):
    """dy · s before any sum: the gradient that each block brings."""
    sums = Subsampling(len(inputs["x"]), dtype="float64")
    sums.coefficient.value, sums.bias.value = np.ones(len(inputs["x"])), np.zeros(len(inputs["x"]))
    return {"dcoefficient": inputs["dy"] * sums.forward(inputs["x"]), "dbias": inputs["dy"]}


def summed_over(*axes):
    return lambda i, right: {name: array.sum(axis=axes) for name, array in per_block(i).items()}


SUBSAMPLING = Exercise(
    file="ex06_subsampling_gradients.py", title="subsampling's gradients",
    steps=(Step("subsampling_gradients", ("x", "dy"), returns=("dcoefficient", "dbias")),),
    draw=cases, expected=expected, batched=("x", "dy"),
    hints=(
        "One coefficient serves all h, w and n of its map. What happens to the gradients of a value that is used "
        "so often?",
        "First compute s: four slices of x with step 2, added. dy/dcoefficient is s, and dy/dbias is 1.",
        "dcoefficient[c] = the sum over h, w, n of dy s;   dbias[c] = the sum over h, w, n of dy",
    ),
    mistakes=(
        Mistake("the four pixels are averaged: s is their sum",
                lambda i, right: {"dcoefficient": right["dcoefficient"] / 4}),
        Mistake("the sum over the samples is missing", summed_over(1, 2)),
        Mistake("the sums over h and w are missing: one coefficient serves the whole map", summed_over(3)),
        Mistake("no sum at all: one coefficient and one bias serve all h, w and n", lambda i, right: per_block(i)),
        Mistake("the maps are added up: each map has its own coefficient and bias",
                lambda i, right: {name: array.sum() for name, array in per_block(i).items()}),
        Mistake("only the upper left pixel of each block is used",
                lambda i, right: {"dcoefficient": (i["dy"] * i["x"][:, ::2, ::2]).sum(axis=(1, 2, 3))}),
        Mistake("the two are the wrong way round: dcoefficient comes first",
                lambda i, right: {"dcoefficient": right["dbias"], "dbias": right["dcoefficient"]}),
    ),
)  # fmt: skip
