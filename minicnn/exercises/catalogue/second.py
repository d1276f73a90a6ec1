"""Exercise 10: the diagonal second derivative, checked against a Jacobian made of finite differences.

For E with diagonal second derivatives d2y, the Gauss-Newton diagonal is h_k = the sum over all outputs o of
(dy_o/dv_k)² d2y_o. For one layer this is exactly what the formulas of the exercise say.
"""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Linear, ScaledTanh

A, S = ScaledTanh.A, ScaledTanh.S
STEP = 1e-5


def cases(rng):
    made = []
    for features, outputs, n in [(3, 3, 3), (4, 2, 5), (2, 3, 1)]:
        a = 1.5 * rng.standard_normal((outputs, n))
        made.append({
            "W": rng.standard_normal((outputs, features)), "x": rng.standard_normal((features, n)),
            "d2y": rng.uniform(0.5, 2, (outputs, n)), "a": a, "y": ScaledTanh().forward(a),
        })  # fmt: skip
    return tuple(made)


def gauss_newton(evaluate, array, d2y):
    """h of array's shape: the squared central difference of every output, weighted by d2y and added up."""
    h = np.empty_like(array)
    for k in np.ndindex(array.shape):
        value = array[k]
        array[k] = value + STEP
        above = evaluate()
        array[k] = value - STEP
        below = evaluate()
        array[k] = value
        h[k] = (((above - below) / (2 * STEP)) ** 2 * d2y).sum()
    return h


def expected(inputs):
    x, a, d2y = (inputs[name].copy() for name in ("x", "a", "d2y"))
    outputs, features = inputs["W"].shape
    layer, squash = Linear(features, outputs, dtype="float64"), ScaledTanh()
    layer.weight.value = inputs["W"]
    return {
        "h_W": gauss_newton(lambda: layer.forward(x), layer.weight.value, d2y),
        "h_b": gauss_newton(lambda: layer.forward(x), layer.bias.value, d2y),
        "d2x": gauss_newton(lambda: layer.forward(x), x, d2y),
        "d2a": gauss_newton(lambda: squash.forward(a), a, d2y),
    }


def slope(y):
    return A * S * (1 - (y / A) ** 2)


SECOND_DERIVATIVE = Exercise(
    file="ex10_second_derivative.py", title="diagonal second derivative",
    steps=(Step("linear_second", ("W", "x", "d2y"), returns=("h_W", "h_b", "d2x")),
           Step("squash_second", ("y", "d2y"), returns=("d2a",))),
    draw=cases, expected=expected, batched=("x", "d2y", "y", "a"), tolerance=1e-7,
    hints=(
        "Go the way of exercises 1 and 2, and square every factor that multiplies the gradient there.",
        "For h_W that factor is x, for d2x it is W, for the squashing it is the slope f'(a); for h_b it is 1.",
        "h_W = d2y (x²)^T,   h_b = the sum of d2y's columns,   d2x = (W²)^T d2y,   d2a = (A S (1 - (y/A)²))² d2y",
    ),
    mistakes=(
        Mistake("x is not squared", lambda i, right: {"h_W": i["d2y"] @ i["x"].T}),
        Mistake("the product is squared instead of x alone", lambda i, right: {"h_W": (i["d2y"] @ i["x"].T) ** 2}),
        Mistake("W is not squared", lambda i, right: {"d2x": i["W"].T @ i["d2y"]}),
        Mistake("the product is squared instead of W alone", lambda i, right: {"d2x": (i["W"].T @ i["d2y"]) ** 2}),
        Mistake("the slope f'(a) is not squared", lambda i, right: {"d2a": slope(i["y"]) * i["d2y"]}),
        Mistake("the product is squared instead of the slope alone",
                lambda i, right: {"d2a": (slope(i["y"]) * i["d2y"]) ** 2}),
        Mistake("d2y is missing", lambda i, right: {"d2a": slope(i["y"]) ** 2}),
    ),
)  # fmt: skip
