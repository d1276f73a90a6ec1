"""Exercises 14 and 15: what is used twice collects two gradients."""

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Linear, ReLU, Residual, Tanh


def linear(W):
    layer = Linear(W.shape[1], W.shape[0], bias=False, dtype="float64")
    layer.weight.value = W
    return layer


# ------------------------------------------------------------------------------------------------- the gate


def gate_cases(rng):
    return tuple(
        {"W": rng.standard_normal((features, features)), "x": rng.standard_normal((features, n)),
         "dy": rng.standard_normal((features, n))}
        for features, n in [(3, 3), (2, 4), (4, 1)]
    )  # fmt: skip


def gate_ways(inputs):
    """dW, and the two gradients of x: by way of the gate, and directly."""
    a, g = linear(inputs["W"]), Tanh()
    opened = g.forward(a.forward(inputs["x"]))
    by_the_gate = a.backward(g.backward(inputs["dy"] * inputs["x"]))
    return a.weight.grad, by_the_gate, inputs["dy"] * opened


def gate(inputs):
    dW, by_the_gate, directly = gate_ways(inputs)
    return {"dW": dW, "dx": by_the_gate + directly}


def x_forgotten(inputs, right):
    """As if y were g alone."""
    a, g = linear(inputs["W"]), Tanh()
    g.forward(a.forward(inputs["x"]))
    dx = a.backward(g.backward(inputs["dy"]))
    return {"dW": a.weight.grad, "dx": dx + gate_ways(inputs)[2]}


def slope_forgotten(inputs, right):
    a = linear(inputs["W"])
    a.forward(inputs["x"])
    dx = a.backward(inputs["dy"] * inputs["x"])
    return {"dW": a.weight.grad, "dx": dx + gate_ways(inputs)[2]}


def gate_not_transposed(inputs, right):
    g = Tanh()
    g.forward(inputs["W"] @ inputs["x"])
    return {"dx": inputs["W"] @ g.backward(inputs["dy"] * inputs["x"]) + gate_ways(inputs)[2]}


BRANCH = Exercise(
    file="ex14_branch_and_add.py", title="branch and add",
    steps=(Step("gate_backward", ("W", "x", "dy"), returns=("dW", "dx")),),
    draw=gate_cases, expected=gate, batched=("x", "dy"),
    hints=(
        "Draw the graph: x has two arrows, one into a and one into y. Each way sends a gradient of its own back to"
        " x.",
        "Begin at the end: y = g x has two inputs, so dg = dy x, and x gets dy g directly. Then go on from dg: "
        "through tanh, whose slope is 1 - g², and through W as in exercise 1.",
        "da = (1 - g²) x dy;   dW = da x^T;   dx = g dy + W^T da",
    ),
    mistakes=(
        Mistake("one way is missing: x goes into y directly too, with the factor g",
                lambda i, right: {"dx": gate_ways(i)[1]}),
        Mistake("one way is missing: x also goes through W and tanh", lambda i, right: {"dx": gate_ways(i)[2]}),
        Mistake("the two ways are averaged: they add up", lambda i, right: {"dx": right["dx"] / 2}),
        Mistake("the factor x is missing: y = g x, so dg = dy x", x_forgotten),
        Mistake("the slope of tanh, 1 - g², is missing", slope_forgotten),
        Mistake("W is not transposed on the way back", gate_not_transposed),
    ),
)  # fmt: skip

# ----------------------------------------------------------------------------------------- the residual block


def block_cases(rng):
    return tuple(
        {"W1": rng.standard_normal((hidden, features)), "W2": rng.standard_normal((features, hidden)),
         "x": rng.standard_normal((features, n)), "dy": rng.standard_normal((features, n))}
        for features, hidden, n in [(3, 3, 3), (2, 5, 4), (4, 3, 1)]
    )  # fmt: skip


def block(inputs):
    first, second = linear(inputs["W1"]), linear(inputs["W2"])
    layer = Residual([first, ReLU(), second])
    layer.forward(inputs["x"])
    dx = layer.backward(inputs["dy"])
    return {"dW1": first.weight.grad, "dW2": second.weight.grad, "dx": dx}


def skip_squared(inputs, right):
    """dy added to the gradient of h, not of x, where the shapes allow it."""
    dr = inputs["W2"].T @ inputs["dy"]
    if dr.shape != inputs["dy"].shape:
        return {}
    return {"dx": inputs["W1"].T @ ((dr + inputs["dy"]) * (inputs["W1"] @ inputs["x"] > 0))}


def without_mask(inputs, right):
    dr = inputs["W2"].T @ inputs["dy"]
    return {"dW1": dr @ inputs["x"].T, "dx": inputs["W1"].T @ dr + inputs["dy"]}


def mask_of_gradient(inputs, right):
    dr = inputs["W2"].T @ inputs["dy"]
    dh = dr * (dr > 0)
    return {"dW1": dh @ inputs["x"].T, "dx": inputs["W1"].T @ dh + inputs["dy"]}


RESIDUAL = Exercise(
    file="ex15_residual_block.py", title="a residual block",
    steps=(Step("residual_backward", ("W1", "W2", "x", "dy"), returns=("dW1", "dW2", "dx")),),
    draw=block_cases, expected=block, batched=("x", "dy"),
    hints=(
        "y is a sum: dy goes back along both summands unchanged. One of them is x itself.",
        "The other way is exercise 1, ReLU, exercise 1: first from y to r with W2, then from r to h where h > 0, "
        "then from h to x with W1. At x both ways meet.",
        "dW2 = dy r^T;   dh = W2^T dy where h > 0, else 0;   dW1 = dh x^T;   dx = W1^T dh + dy",
    ),
    mistakes=(
        Mistake("the way past the layers is missing: add dy", lambda i, right: {"dx": right["dx"] - i["dy"]}),
        Mistake("dx is dy alone: the way through the layers is missing", lambda i, right: {"dx": i["dy"]}),
        Mistake("dy is added inside: the way past the layers joins at x", skip_squared),
        Mistake("ReLU's mask is missing: no gradient where h is negative", without_mask),
        Mistake("the mask asks whether the gradient is positive: it must ask whether h is", mask_of_gradient),
        Mistake("dW2 takes h before ReLU: W2 is multiplied by r",
                lambda i, right: {"dW2": i["dy"] @ (i["W1"] @ i["x"]).T}),
    ),
)  # fmt: skip
