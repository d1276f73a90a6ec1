"""Exercise 7: radial basis function units, forward and backward."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import RBF


def cases(rng):
    return tuple(
        {"x": rng.standard_normal((features, n)), "w": rng.choice([-1.0, 1.0], (classes, features)),
         "dy": rng.standard_normal((classes, n))}
        for features, classes, n in [(4, 3, 2), (3, 5, 4), (2, 2, 1)]
    )  # fmt: skip


def expected(inputs):
    layer = RBF(inputs["w"], dtype="float64")
    return {"y": layer.forward(inputs["x"]), "dx": layer.backward(inputs["dy"])}


def differences(inputs):
    return inputs["x"][None] - inputs["w"][:, :, None]  # (classes, features, N)


RBF_UNITS = Exercise(
    file="ex07_rbf.py", title="RBF units",
    steps=(Step("rbf_forward", ("x", "w"), returns=("y",)), Step("rbf_backward", ("x", "w", "dy"), returns=("dx",))),
    draw=cases, expected=expected, batched=("x", "dy"),
    hints=(
        "Write (x[j, n] - w[i, j])² for all i, j, n at once: an array (classes, features, N), by adding axes of "
        "length 1.",
        "Feature j goes into every output i, so its gradients add up over i. The derivative of a square is twice "
        "its inside.",
        "dx[j, n] = 2 · the sum over i of dy[i, n] (x[j, n] - w[i, j])",
    ),
    mistakes=(
        Mistake("the square root is too much: y is the squared distance", lambda i, right: {"y": np.sqrt(right["y"])}),
        Mistake("this is the mean over the features: it must be the sum",
                lambda i, right: {"y": right["y"] / len(i["x"])}),
        Mistake("the differences are not squared", lambda i, right: {"y": differences(i).sum(axis=1)}),
        Mistake("this is a product, like a linear layer's: RBF units use the squared difference",
                lambda i, right: {"y": i["w"] @ i["x"]}),
        Mistake("the factor 2 is missing", lambda i, right: {"dx": right["dx"] / 2}),
        Mistake("dy is missing: every class's difference is multiplied by its dy[i]",
                lambda i, right: {"dx": 2 * differences(i).sum(axis=0)}),
        Mistake("x_j must be multiplied by the sum of dy over the classes",
                lambda i, right: {"dx": 2 * (i["x"] - i["w"].T @ i["dy"])}),
        Mistake("this is only W^T dy, as in a linear layer", lambda i, right: {"dx": i["w"].T @ i["dy"]}),
    ),
)  # fmt: skip
