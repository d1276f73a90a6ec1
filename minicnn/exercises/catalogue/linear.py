"""Exercise 1: Linear.backward."""


from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Linear


def cases(rng):
    """A square one first, where a missing transpose still gives a result, then others; each is used twice."""
    return tuple(
        {name: rng.standard_normal(shape) for name, shape in {
            "W": (outputs, inputs), "b": (outputs,), "x": (inputs, n), "dy": (outputs, n),
            "x again": (inputs, n), "dy again": (outputs, n),
        }.items()}
        for inputs, outputs, n in [(3, 3, 3), (4, 2, 5), (2, 3, 1)]
    )  # fmt: skip


def expected(inputs):
    outputs, features = inputs["W"].shape
    layer = Linear(features, outputs, dtype="float64")
    layer.weight.value, layer.bias.value = inputs["W"], inputs["b"]
    arrays = {}
    for again in ("", " again"):
        layer.forward(inputs["x" + again])
        dx = layer.backward(inputs["dy" + again])
        arrays |= {"dW" + again: layer.weight.grad.copy(), "db" + again: layer.bias.grad.copy(), "dx" + again: dx}
    return arrays


def twice(make, instance="layer"):
    """The steps of an exercise that completes a class: forward and backward, and once more."""
    steps = [make]
    for again in ("", " again"):
        steps.append(Step(f"{instance}.forward", ("x" + again,)))
        steps.append(Step(f"{instance}.backward", ("dy" + again,), returns=("dx" + again,),
                          attributes={"dW" + again: "dW", "db" + again: "db"}))  # fmt: skip
    return tuple(steps)


def square(predict):
    """A mistake that only gives a result where all sizes agree."""

    def only_square(inputs, right):
        return predict(inputs) if inputs["W"].shape == inputs["x"].shape else {}

    return only_square


LINEAR = Exercise(
    file="ex01_linear_backward.py", title="Linear.backward", steps=twice(Step("Linear", ("W", "b"), makes="layer")),
    draw=cases, expected=expected, batched=("x", "dy", "x again", "dy again"),
    hints=(
        "Write y = W x + b for one output and one sample: y[i, n] = ... Which y does W[i, j] appear in? All of "
        "them count.",
        "The shapes leave hardly a choice: which product of dy (outputs, N) and x (inputs, N) has the shape of W? "
        "Which of dy and W that of x? What is summed over in each?",
        "dW = dy x^T,   db = the sum of dy's columns,   dx = W^T dy",
    ),
    mistakes=(
        Mistake("x is not transposed: dW = dy x^T", square(lambda i: {"dW": i["dy"] @ i["x"]})),
        Mistake("the wrong factor is transposed: dW = dy x^T", square(lambda i: {"dW": i["dy"].T @ i["x"]})),
        Mistake("the factors are the wrong way round: dW = dy x^T", square(lambda i: {"dW": i["x"] @ i["dy"]})),
        Mistake("W is not transposed: dx = W^T dy", square(lambda i: {"dx": i["W"] @ i["dy"]})),
        Mistake("db adds up the outputs instead of the samples: sum along the last axis",
                lambda i, right: {"db": i["dy"].sum(axis=0)}),
    ),
)  # fmt: skip
