"""Exercise 18: a kernel from a loop nest."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Conv2d

SPARE = 5
"""Threads that have no output."""


def cases(rng):
    made = []
    for (c, h, w, n), maps, size in [((2, 4, 5, 3), 2, 3), ((1, 3, 3, 2), 3, 2), ((3, 4, 3, 1), 2, 2)]:
        outputs = maps * (h - size + 1) * (w - size + 1) * n
        made.append({"x": rng.standard_normal((c, h, w, n)), "k": rng.standard_normal((maps, c, size, size)),
                     "order": rng.permutation(outputs + SPARE)})  # fmt: skip
    return tuple(made)


def convolution(x, k):
    layer = Conv2d(k.shape[1], len(k), k.shape[2], bias=False, dtype="float64")
    layer.weight.value = k
    return layer.forward(x)


def expected(inputs):
    return {"y": convolution(inputs["x"], inputs["k"])}


def with_kernel(change):
    return lambda inputs, right: {"y": convolution(inputs["x"], change(inputs["k"]))}


def in_order(*axes):
    """The outputs counted with the indices in another order, and written where they lie in memory."""

    def predict(inputs, right):
        y = right["y"]
        return {"y": np.ascontiguousarray(y.transpose(axes)).reshape(y.shape)}

    return predict


KERNEL = Exercise(
    file="ex18_kernel.py", title="a kernel",
    steps=(Step("launch", ("x", "k", "order"), returns=("y",)),),
    draw=cases, expected=expected, batched=("x",),
    hints=(
        "Read t like a clock: seconds are t % 60, minutes t // 60 % 60, hours t // 3600. Here the fastest hand is "
        "n.",
        "Begin with what has no output: if t >= y.size, return. Then n, w, h and o from t by % and //, a sum that "
        "begins at 0, three loops over c, i and j, and one assignment to y at the end.",
        "n = t % N;  w = t // N % W_out;  h = t // (N W_out) % H_out;  o = t // (N W_out H_out);  y[o, h, w, n] = "
        "the sum over c, i, j of k[o, c, i, j] x[c, h + i, w + j, n]",
    ),
    mistakes=(
        Mistake("the kernel is flipped: pixel (i, j) of the window belongs to k[o, c, i, j]",
                with_kernel(lambda k: k[:, :, ::-1, ::-1])),
        Mistake("i and j are exchanged", with_kernel(lambda k: k.swapaxes(2, 3))),
        Mistake("only the first input map counts: add up over c",
                lambda i, right: {"y": convolution(i["x"][:1], i["k"][:, :1])}),
        Mistake("only the first pixel of the window counts: add up over i and j",
                with_kernel(lambda k: k * (np.indices(k.shape)[2:].sum(axis=0) == 0))),
        Mistake("t is read in another order: n runs fastest", in_order(3, 0, 1, 2)),
        Mistake("the first pixel's product alone, or the last one's: the sum must grow over c, i and j",
                with_kernel(lambda k: k * (np.arange(k[0].size).reshape(k[0].shape) == k[0].size - 1))),
    ),
)  # fmt: skip
