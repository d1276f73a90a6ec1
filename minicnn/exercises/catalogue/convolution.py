"""Exercise 5: Conv2d.backward with a connection table."""

import numpy as np

from minicnn.exercises.catalogue.linear import twice
from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Conv2d

CASES = [
    ((2, 5, 5, 2), ((0,), (0, 1), (1,)), 3, 1),
    ((3, 6, 7, 3), ((0, 2), (1,), (0, 1, 2), (2,)), 2, 2),
    ((1, 5, 4, 1), ((0,), (0,)), 2, 1),
]
"""(x's shape, connections, size, stride)."""


def cases(rng):
    """W is not 0 where nothing is connected, so that whoever ignores the table is found out."""
    made = []
    for (channels, height, width, n), connections, size, stride in CASES:
        maps = len(connections)
        y_shape = maps, (height - size) // stride + 1, (width - size) // stride + 1, n
        shapes = {"W": (maps, channels, size, size), "b": (maps,), "x": (channels, height, width, n), "dy": y_shape,
                  "x again": (channels, height, width, n), "dy again": y_shape}  # fmt: skip
        made.append({name: rng.standard_normal(shape) for name, shape in shapes.items()})
        made[-1] |= {"connections": connections, "stride": stride}
    return tuple(made)


def expected(inputs):
    """The engine keeps only the connected kernels, in the order of the table; here they go to their places in W."""
    W, connections = inputs["W"], inputs["connections"]
    pairs = tuple(zip(*[(o, c) for o, maps in enumerate(connections) for c in maps]))
    maps, channels, size, _ = W.shape
    layer = Conv2d(channels, maps, size, stride=inputs["stride"], connections=connections, dtype="float64")
    layer.weight.value, layer.bias.value = W[pairs], inputs["b"]
    arrays = {}
    for again in ("", " again"):
        layer.forward(inputs["x" + again])
        dx, dW = layer.backward(inputs["dy" + again]), np.zeros_like(W)
        dW[pairs] = layer.weight.grad
        arrays |= {"dW" + again: dW, "db" + again: layer.bias.grad.copy(), "dx" + again: dx}
    return arrays


# ------------------------------------------------------------------------------------------- known mistakes


def all_connected(inputs, right):
    return expected({**inputs, "connections": [range(inputs["W"].shape[1])] * len(inputs["W"])})


def loops(inputs, stride, add=True, flip=False):
    """dW and dx by plain loops, with one thing wrong."""
    W, x, dy = inputs["W"], inputs["x"], inputs["dy"]
    dW, dx = np.zeros_like(W), np.zeros_like(x)
    size, (h_out, w_out) = W.shape[2], dy.shape[1:3]
    for i, j in np.ndindex(size, size):
        pixels = slice(i, i + stride * h_out, stride), slice(j, j + stride * w_out, stride)
        k, m = (size - 1 - i, size - 1 - j) if flip else (i, j)
        for o, maps in enumerate(inputs["connections"]):
            for c in maps:
                place = (c, *pixels)
                dW[o, c, k, m] = (dy[o] * x[place]).sum()
                dx[place] = W[o, c, k, m] * dy[o] + (dx[place] if add else 0)
    return {"dW": dW, "dx": dx}


CONVOLUTION = Exercise(
    file="ex05_conv_backward.py", title="Conv2d.backward",
    steps=twice(Step("Conv2d", ("W", "b", "connections", "stride"), makes="layer")),
    draw=cases, expected=expected, batched=("x", "dy", "x again", "dy again"),
    hints=(
        "Look at the one line of forward that multiplies. It is y += w · seen with a single number w: what are its"
        " two ways back, for the number and for the pixels?",
        "Copy forward's four loops. In the innermost, W[o, c, i, j] collects over all outputs of map o, and the "
        "pixels that were seen collect one contribution from every o, i and j. += where something is collected.",
        "dW[o, c, i, j] = the sum over h, w, n of dy[o, h, w, n] x[c, h·stride + i, w·stride + j, n];   dx[c, "
        "h·stride + i, w·stride + j, n] collects W[o, c, i, j] dy[o, h, w, n];   db[o] = the sum of dy[o]",
    ),
    mistakes=(
        Mistake("the connection table is ignored: only the pairs in connections[o] count", all_connected),
        Mistake("the stride is ignored: window (h, w) begins at pixel (h·stride, w·stride)",
                lambda i, right: loops(i, 1)),
        Mistake("a pixel that several windows or maps see must collect all of them: += in place of =",
                lambda i, right: {"dx": loops(i, i["stride"], add=False)["dx"]}),
        Mistake("the kernel is flipped: pixel (i, j) of the window belongs to W[o, c, i, j]",
                lambda i, right: loops(i, i["stride"], flip=True)),
    ),
)  # fmt: skip
