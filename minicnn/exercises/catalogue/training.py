"""Exercise 17: a training loop."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Linear
from minicnn.losses import CrossEntropyLoss
from minicnn.optim import SGD


def cases(rng):
    """The last batch is shorter in two of them."""
    made = []
    for features, classes, samples, size, epochs in [(3, 3, 8, 3, 2), (2, 4, 6, 6, 3), (4, 2, 7, 2, 2)]:
        made.append({
            "W": rng.standard_normal((classes, features)), "b": rng.standard_normal(classes),
            "x": rng.standard_normal((features, samples)), "labels": rng.integers(classes, size=samples),
            "order": np.array([rng.permutation(samples) for _ in range(epochs)]), "size": size, "lr": 0.3,
        })  # fmt: skip
    return tuple(made)


def train(inputs, batches, lr=None, scale=lambda batch: 1.0):
    """The engine's own training on these batches; the loss of each multiplied by ``scale``."""
    classes, features = inputs["W"].shape
    layer, loss = Linear(features, classes, dtype="float64"), CrossEntropyLoss()
    layer.weight.value, layer.bias.value = inputs["W"].copy(), inputs["b"].copy()
    optimizer = SGD(layer.parameters(), 1.0)
    for batch in batches:
        loss.forward(layer.forward(inputs["x"][:, batch]), inputs["labels"][batch])
        layer.backward(scale(batch) * loss.backward())
        rate = inputs["lr"] if lr is None else lr
        layer.weight.grad, layer.bias.grad = rate * layer.weight.grad, rate * layer.bias.grad
        optimizer.step()
    return {"W_new": layer.weight.value, "b_new": layer.bias.value}


def batches(inputs):
    size = inputs["size"]
    return [order[n : n + size] for order in inputs["order"] for n in range(0, len(order), size)]


def expected(inputs):
    return train(inputs, batches(inputs))


def uphill(inputs, right):
    return train(inputs, batches(inputs), scale=lambda batch: -1.0)


def only_full(inputs, right):
    return train(inputs, [batch for batch in batches(inputs) if len(batch) == inputs["size"]])


def first_order_only(inputs, right):
    return train(inputs, batches({**inputs, "order": inputs["order"][:1].repeat(len(inputs["order"]), axis=0)}))


def one_pass(inputs, right):
    return train(inputs, batches({**inputs, "order": inputs["order"][:1]}))


def in_file_order(inputs, right):
    order = np.arange(inputs["x"].shape[1])
    return train(inputs, batches({**inputs, "order": [order] * len(inputs["order"])}))


TRAINING = Exercise(
    file="ex17_training_loop.py", title="a training loop",
    steps=(Step("train", ("W", "b", "x", "labels", "order", "size", "lr"), returns=("W_new", "b_new")),),
    draw=cases, expected=expected,
    hints=(
        "Two loops: over the rows of order, and over the starts of the batches, range(0, samples, size). A slice "
        "that reaches over the end is simply shorter.",
        "The batch is x[:, chosen] and labels[chosen], with chosen a slice of the row. dz is that of exercise 13, "
        "with N the samples of this batch; dW and db are those of exercise 1. Write W = W - lr · dW: that makes a "
        "new array.",
        "for row in order: for n in range(0, len(row), size): chosen = row[n : n + size]; dz = (softmax(W x + b) -"
        " [i = D]) / len(chosen); W = W - lr dz x^T; b = b - lr · the sum of dz's columns",
    ),
    mistakes=(
        Mistake("it goes uphill: subtract lr times the gradient", uphill),
        Mistake("the last, shorter batch of every pass is left out", only_full),
        Mistake("every pass takes the first row of order: each has a row of its own", first_order_only),
        Mistake("there is only one pass: order has a row for each", one_pass),
        Mistake("the samples come in the order of x: order says which come first", in_file_order),
        Mistake("the gradient is the batch's sum: it must be that of the mean, divided by the batch's samples",
                lambda i, right: train(i, batches(i), scale=len)),
        Mistake("the gradient is divided by size, also in the last batch, which is shorter",
                lambda i, right: train(i, batches(i), scale=lambda batch: len(batch) / i["size"])),
        Mistake("the gradient is divided by all samples: it must be the batch's",
                lambda i, right: train(i, batches(i), scale=lambda batch: len(batch) / i["x"].shape[1])),
        Mistake("lr is missing", lambda i, right: train(i, batches(i), lr=1.0)),
    ),
)  # fmt: skip
