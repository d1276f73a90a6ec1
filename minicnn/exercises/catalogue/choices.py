"""Exercise 12: ReLU and max pooling, whose gradient goes where the value came from."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import MaxPool2d, ReLU


def cases(rng):
    made = []
    for (c, h, w, n), size in [((2, 4, 4, 3), 2), ((1, 3, 6, 2), 3), ((3, 4, 2, 1), 2)]:
        made.append({
            "a": rng.standard_normal((c, h, n)), "da": rng.standard_normal((c, h, n)), "size": size,
            "x": rng.permutation(c * h * w * n).reshape(c, h, w, n) - c * h * w * n / 2.0,
            "dy": rng.standard_normal((c, h // size, w // size, n)),
        })  # fmt: skip
    return tuple(made)


def expected(inputs):
    relu, pool = ReLU(), MaxPool2d(inputs["size"])
    relu.forward(inputs["a"])
    pool.forward(inputs["x"])
    return {"dx of ReLU": relu.backward(inputs["da"]), "dx of max pooling": pool.backward(inputs["dy"])}


def spread(inputs):
    """dy for each pixel of its block."""
    return inputs["dy"].repeat(inputs["size"], axis=1).repeat(inputs["size"], axis=2)


def smallest(inputs, right):
    return {"dx of max pooling": expected({**inputs, "x": -inputs["x"]})["dx of max pooling"]}


CHOICES = Exercise(
    file="ex12_relu_and_max_pooling.py", title="ReLU and max pooling",
    steps=(Step("relu_backward", ("a", "da"), returns=("dx of ReLU",)),
           Step("max_pool_backward", ("x", "dy", "size"), returns=("dx of max pooling",))),
    draw=cases, expected=expected, batched=("a", "da", "x", "dy"),
    hints=(
        "Change x a little: when does y change with it, and how much? When does it not change at all?",
        "The gradient goes back along the way that the value came. For pooling, spread y over its block again with"
        " two repeats, and compare with x: that says which pixel was the largest.",
        "ReLU: dx = dy where x > 0, else 0.   Pooling: dx = dy of the block where x equals y of the block, else 0.",
    ),
    mistakes=(
        Mistake("the mask is turned round: the gradient passes where x > 0",
                lambda i, right: {"dx of ReLU": i["da"] * (i["a"] <= 0)}),
        Mistake("dy passes everywhere: where x < 0, y does not change with x",
                lambda i, right: {"dx of ReLU": i["da"]}),
        Mistake("negative gradients are cut off: it is x that must be positive, not dy",
                lambda i, right: {"dx of ReLU": np.maximum(i["da"], 0)}),
        Mistake("this is x where it is positive: pass dy there",
                lambda i, right: {"dx of ReLU": np.maximum(i["a"], 0)}),
        Mistake("every pixel of the block gets dy: only the largest one has made y",
                lambda i, right: {"dx of max pooling": spread(i)}),
        Mistake("dy is shared out evenly, as in average pooling: only the largest pixel gets it",
                lambda i, right: {"dx of max pooling": spread(i) / i["size"] ** 2}),
        Mistake("the smallest pixel gets dy: it must be the largest", smallest),
    ),
)  # fmt: skip
