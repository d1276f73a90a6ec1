"""Exercise 16: BatchNorm's backward."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import BatchNorm1d


def cases(rng):
    return tuple(
        {"x": 2 * rng.standard_normal((features, n)) + 1, "gamma": rng.uniform(0.5, 2, features), "eps": eps,
         "dy": rng.standard_normal((features, n))}
        for features, n, eps in [(3, 4, 1e-5), (2, 6, 0.1), (4, 3, 1e-3)]
    )  # fmt: skip


def expected(inputs):
    layer = BatchNorm1d(len(inputs["x"]), eps=inputs["eps"], dtype="float64")
    layer.weight.value = inputs["gamma"]
    layer.forward(inputs["x"])
    dx = layer.backward(inputs["dy"])
    return {"dgamma": layer.weight.grad, "dbeta": layer.bias.grad, "dx": dx}


def parts(inputs):
    """z, the deviation, and the gradient of z."""
    x = inputs["x"]
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + inputs["eps"])
    return (x - x.mean(axis=1, keepdims=True)) / deviation, deviation, inputs["gamma"][:, None] * inputs["dy"]


def mean(a):
    return a.mean(axis=1, keepdims=True)


def dx(change):
    """A mistake in dx: ``change(z, deviation, g)``."""
    return lambda inputs, right: {"dx": change(*parts(inputs))}


BATCHNORM = Exercise(
    file="ex16_batchnorm_backward.py", title="BatchNorm's backward",
    steps=(Step("batchnorm_backward", ("x", "gamma", "eps", "dy"), returns=("dgamma", "dbeta", "dx")),),
    draw=cases, expected=expected, batched=(),
    hints=(
        "One x of a feature is used in N + 2 places: in its own z, and, by way of the mean and the variance, in "
        "the z of every sample. Draw the graph for one feature.",
        "Let g = gamma dy be the gradient of z. Directly, dx = g / deviation. The mean lies in every z, so from it"
        " comes - mean(g) / deviation. What comes by way of the variance is a multiple of z: which?",
        "dgamma = the sum of z dy,   dbeta = the sum of dy,   dx = (g - mean(g) - z mean(g z)) / sqrt(variance + "
        "eps)",
    ),
    mistakes=(
        Mistake("mean and variance are taken for constants: they depend on x as well", dx(lambda z, d, g: g / d)),
        Mistake("the way by the variance is missing: - z mean(g z)", dx(lambda z, d, g: (g - mean(g)) / d)),
        Mistake("the way by the mean is missing: - mean(g)", dx(lambda z, d, g: (g - z * mean(g * z)) / d)),
        Mistake("gamma is missing in dx: g = gamma dy",
                lambda i, right: expected({**i, "gamma": np.ones_like(i["gamma"])})),
        Mistake("sums in place of means in dx",
                dx(lambda z, d, g: (g - z.shape[1] * (mean(g) + z * mean(g * z))) / d)),
        Mistake("it is divided by the variance: divide by its square root",
                dx(lambda z, d, g: (g - mean(g) - z * mean(g * z)) / d**2)),
        Mistake("z is missing in front of mean(g z)", dx(lambda z, d, g: (g - mean(g) - mean(g * z)) / d)),
        Mistake("dgamma multiplies dy by x: it must be z",
                lambda i, right: {"dgamma": (i["x"] * i["dy"]).sum(axis=1)}),
        Mistake("this is the mean over the samples: dgamma and dbeta are sums",
                lambda i, right: {name: right[name] / i["x"].shape[1] for name in ("dgamma", "dbeta")}),
    ),
)  # fmt: skip
