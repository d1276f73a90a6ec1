"""Exercises 3 and 4: im2col and its way back.

What they must give is computed by a convolution whose kernels are 1 at a single place and 0 elsewhere: its output
maps are what im2col copies, and its backward is col2im.
"""

import numpy as np

from minicnn.exercises.exercise import Exercise, Mistake, Step
from minicnn.layers import Conv2d

SIZES = [(2, 5, 5, 2, 3, 1), (2, 7, 6, 3, 3, 2), (1, 6, 8, 2, 2, 2), (3, 8, 5, 1, 2, 3)]
"""(C, H, W, N, size, stride): several maps, not square, one sample, pixels that no window sees."""


def copier(inputs, channels):
    """The convolution that copies pixel (c, i, j) of every window into an output map."""
    size, kernels = inputs["size"], channels * inputs["size"] ** 2
    layer = Conv2d(channels, kernels, size, stride=inputs["stride"], bias=False, dtype="float64")
    layer.weight.value = np.eye(kernels).reshape(kernels, channels, size, size)
    return layer


def forward_cases():
    rng = np.random.default_rng(3)
    return tuple(
        {"x": rng.standard_normal((c, h, w, n)), "size": size, "stride": stride} for c, h, w, n, size, stride in SIZES
    )  # fmt: skip


def columns(inputs):
    x, size = inputs["x"], inputs["size"]
    y = copier(inputs, len(x)).forward(x)
    return {"cols": y.reshape(len(x), size, size, *y.shape[1:])}


def backward_cases():
    rng = np.random.default_rng(4)
    return tuple(
        {"dcols": rng.standard_normal(columns(case)["cols"].shape), "x_shape": case["x"].shape, "size": case["size"],
         "stride": case["stride"]}
        for case in forward_cases()
    )  # fmt: skip


def image(inputs):
    layer = copier(inputs, inputs["x_shape"][0])
    layer.forward(np.zeros(inputs["x_shape"]))
    dcols = inputs["dcols"]
    return {"dx": layer.backward(dcols.reshape(-1, *dcols.shape[3:]))}


# ------------------------------------------------------------------------------------------- known mistakes


def dense_steps(inputs, right):
    """The windows counted right, but laid on neighbouring pixels."""
    x, wrong = inputs["x"], np.empty_like(right["cols"])
    _, size, _, h_out, w_out, _ = wrong.shape
    for i, j in np.ndindex(size, size):
        wrong[:, i, j] = x[:, i : i + h_out, j : j + w_out]
    return {"cols": wrong}


def gather(inputs, stride, add):
    """col2im with another stride, or with ``=`` in place of ``+=``."""
    dcols, dx = inputs["dcols"], np.zeros(inputs["x_shape"])
    _, size, _, h_out, w_out, _ = dcols.shape
    for i, j in np.ndindex(size, size):
        pixels = np.s_[:, i : i + stride * h_out : stride, j : j + stride * w_out : stride]
        dx[pixels] = dx[pixels] + dcols[:, i, j] if add else dcols[:, i, j]
    return {"dx": dx}


def averaged(inputs, right):
    """The mean of a pixel's copies in place of their sum."""
    copies = image({**inputs, "dcols": np.ones_like(inputs["dcols"])})["dx"]
    return {"dx": right["dx"] / np.maximum(copies, 1)}


STRIDE_IGNORED = "the stride is ignored: window (h, w) begins at pixel (h·stride, w·stride)"

IM2COL = Exercise(
    file="ex03_im2col.py", title="im2col", steps=(Step("im2col", ("x", "size", "stride"), returns=("cols",)),),
    cases=forward_cases(), expected=columns, batched=("x",),
    mistakes=(
        Mistake(STRIDE_IGNORED, lambda i, right: columns({**i, "stride": 1})),
        Mistake(STRIDE_IGNORED, dense_steps),
        Mistake("i and j are exchanged", lambda i, right: {"cols": right["cols"].swapaxes(1, 2)}),
        Mistake("h and w are exchanged", lambda i, right: {"cols": right["cols"].swapaxes(3, 4)}),
        Mistake("(i, j) and (h, w) are exchanged: the window's own pixels come first",
                lambda i, right: {"cols": right["cols"].transpose(0, 3, 4, 1, 2, 5)}),
    ),
)  # fmt: skip

COL2IM = Exercise(
    file="ex04_col2im.py", title="col2im", steps=(Step("col2im", ("dcols", "x_shape", "stride"), returns=("dx",)),),
    cases=backward_cases(), expected=image,
    mistakes=(
        Mistake("a pixel that several windows see must collect all of them: += in place of =",
                lambda i, right: gather(i, i["stride"], add=False)),
        Mistake(STRIDE_IGNORED, lambda i, right: gather(i, 1, add=True)),
        Mistake("the copies of a pixel are averaged: they must be added up", averaged),
        Mistake("i and j are exchanged",
                lambda i, right: gather({**i, "dcols": i["dcols"].swapaxes(1, 2)}, i["stride"], add=True)),
    ),
)  # fmt: skip
