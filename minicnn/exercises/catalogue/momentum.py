"""Exercise 9: a step with momentum."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Parameter
from minicnn.optim import SGD


def cases():
    rng = np.random.default_rng(9)
    return tuple(
        {**{name: rng.standard_normal(shape) for name in ("w", "v", "g")}, "lr": lr, "momentum": momentum}
        for shape, lr, momentum in [((4,), 0.1, 0.9), ((3, 2), 0.05, 0.5), ((5,), 0.2, 0.0)]
    )  # fmt: skip


def expected(inputs):
    parameter = Parameter(inputs["w"], "w")
    parameter.grad = inputs["g"]
    optimizer = SGD([parameter], inputs["lr"], momentum=inputs["momentum"])
    optimizer.velocity[0][...] = inputs["v"].ravel()
    optimizer.step()
    v = inputs["momentum"] * inputs["v"] + inputs["g"]  # SGD keeps no velocity where momentum is 0
    if inputs["momentum"]:
        v = optimizer.velocity[0].reshape(inputs["v"].shape)
    return {"w_new": parameter.value, "v_new": v}


def step(w, v, lr):
    return {"w_new": w - lr * v, "v_new": v}


MOMENTUM = Exercise(
    file="ex09_momentum.py", title="momentum",
    steps=(Step("momentum_step", ("w", "v", "g", "lr", "momentum"), returns=("w_new", "v_new")),),
    cases=cases(), expected=expected,
    mistakes=(
        Mistake("the step goes up the slope: subtract lr · v_new",
                lambda i, right: {"w_new": 2 * i["w"] - right["w_new"]}),
        Mistake("momentum is left out: this is plain gradient descent", lambda i, right: step(i["w"], i["g"], i["lr"])),
        Mistake("the weights follow the old velocity: compute v_new first, then w_new",
                lambda i, right: {"w_new": i["w"] - i["lr"] * i["v"]}),
        Mistake("g is multiplied by (1 - momentum), as in a running mean: here it is added as it is",
                lambda i, right: step(i["w"], i["momentum"] * i["v"] + (1 - i["momentum"]) * i["g"], i["lr"])),
        Mistake("lr is inside the velocity: v_new = momentum · v + g, and lr comes in with w_new",
                lambda i, right: {"v_new": i["momentum"] * i["v"] + i["lr"] * i["g"],
                                  "w_new": i["w"] - i["momentum"] * i["v"] - i["lr"] * i["g"]}),
        Mistake("lr is missing", lambda i, right: {"w_new": i["w"] - right["v_new"]}),
        Mistake("the two are the wrong way round: w_new comes first",
                lambda i, right: {"w_new": right["v_new"], "v_new": right["w_new"]}),
    ),
)  # fmt: skip
