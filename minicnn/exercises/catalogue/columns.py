"""Exercises 3 and 4: im2col and its way back, in the layout of the engine's own."""

import numpy as np

from minicnn.backend import get, output_size
from minicnn.exercises.exercise import Exercise, Mistake, Step

SIZES = [(2, 5, 5, 2, 3, 1), (2, 7, 6, 3, 3, 2), (1, 6, 8, 2, 2, 2), (3, 8, 5, 1, 2, 3)]
"""(C, H, W, N, size, stride): several maps, not square, one sample, pixels that no window sees."""

ENGINE = get("numpy")


def forward_cases(rng):
    return tuple(
        {"x": rng.standard_normal((c, h, w, n)), "size": size, "stride": stride} for c, h, w, n, size, stride in SIZES
    )  # fmt: skip


def geometry(inputs):
    """(kernel_size, stride) as the engine takes them."""
    return (inputs["size"], inputs["size"]), (inputs["stride"], inputs["stride"])


def columns(inputs):
    return {"cols": ENGINE.im2col(inputs["x"], *geometry(inputs))}


def backward_cases(rng):
    return tuple(
        {"dcols": rng.standard_normal(columns(case)["cols"].shape), "x_shape": case["x"].shape, "size": case["size"],
         "stride": case["stride"]}
        for case in forward_cases(rng)
    )  # fmt: skip


def image(inputs):
    return {"dx": ENGINE.col2im(inputs["dcols"], inputs["x_shape"], *geometry(inputs))}


# ------------------------------------------------------------------------------------------- known mistakes


def six_axes(inputs, cols):
    """cols as (C, size, size, H_out, W_out, N)."""
    channels, height, width, n = inputs["x_shape"] if "x_shape" in inputs else inputs["x"].shape
    size, stride = inputs["size"], inputs["stride"]
    h_out, w_out = output_size(height, size, stride), output_size(width, size, stride)
    return cols.reshape(channels, size, size, h_out, w_out, n)


def exchanged(*order):
    """im2col with its six indices in another order, three for the rows and three for the columns."""

    def predict(inputs, right):
        cols = six_axes(inputs, right["cols"]).transpose(order)
        return {"cols": cols.reshape(np.prod(cols.shape[:3]), -1)}

    return predict


def dense_steps(inputs, right):
    """The windows counted right, but laid on neighbouring pixels."""
    x, wrong = inputs["x"], np.empty_like(six_axes(inputs, right["cols"]))
    _, size, _, h_out, w_out, _ = wrong.shape
    for i, j in np.ndindex(size, size):
        wrong[:, i, j] = x[:, i : i + h_out, j : j + w_out]
    return {"cols": wrong.reshape(right["cols"].shape)}


def gather(inputs, stride, add, exchange=False):
    """col2im with another stride, with ``=`` in place of ``+=``, or with i and j exchanged."""
    dcols, dx = six_axes(inputs, inputs["dcols"]), np.zeros(inputs["x_shape"])
    _, size, _, h_out, w_out, _ = dcols.shape
    for i, j in np.ndindex(size, size):
        pixels = np.s_[:, i : i + stride * h_out : stride, j : j + stride * w_out : stride]
        seen = dcols[:, j, i] if exchange else dcols[:, i, j]
        dx[pixels] = dx[pixels] + seen if add else seen
    return {"dx": dx}


def averaged(inputs, right):
    """The mean of a pixel's copies in place of their sum."""
    copies = image({**inputs, "dcols": np.ones_like(inputs["dcols"])})["dx"]
    return {"dx": right["dx"] / np.maximum(copies, 1)}


STRIDE_IGNORED = "the stride is ignored: window (h, w) begins at pixel (h·stride, w·stride)"

IM2COL = Exercise(
    file="ex03_im2col.py", title="im2col", steps=(Step("im2col", ("x", "size", "stride"), returns=("cols",)),),
    draw=forward_cases, expected=columns, batched=("x",),
    hints=(
        "First the sizes: how many windows fit below each other, and side by side? Then take one pixel (i, j) of "
        "the window: which pixels of x does it see, over all windows?",
        "Two loops over i and j are enough. A slice with a step, such as x[:, i : i + 7 : 2], takes the pixel (i, "
        "j) of all windows at once. Fill an array (C, size, size, H_out, W_out, N), and reshape it at the end.",
        "H_out = (H - size) // stride + 1, W_out likewise;   cols[(c, i, j), (h, w, n)] = x[c, h·stride + i, "
        "w·stride + j, n]",
    ),
    mistakes=(
        Mistake(STRIDE_IGNORED, lambda i, right: columns({**i, "stride": 1})),
        Mistake(STRIDE_IGNORED, dense_steps),
        Mistake("i and j are exchanged", exchanged(0, 2, 1, 3, 4, 5)),
        Mistake("h and w are exchanged", exchanged(0, 1, 2, 4, 3, 5)),
        Mistake("(i, j) and (h, w) are exchanged: a row is a pixel of the window, a column is a window",
                exchanged(0, 3, 4, 1, 2, 5)),
        Mistake("the maps do not come first: a row is (c, i, j)", exchanged(1, 2, 0, 3, 4, 5)),
        Mistake("the samples come first: a column is (h, w, n)", exchanged(0, 1, 2, 5, 3, 4)),
    ),
)  # fmt: skip

COL2IM = Exercise(
    file="ex04_col2im.py", title="col2im",
    steps=(Step("col2im", ("dcols", "x_shape", "size", "stride"), returns=("dx",)),),
    draw=backward_cases, expected=image,
    hints=(
        "Each number of cols is a copy of a pixel. If a value is used several times, what happens to its "
        "gradients?",
        "Undo the reshape that ended exercise 3, begin with zeros, and run through i and j with the same slices. "
        "What was written there is added here.",
        "dx[c, p, q, n] = the sum of dcols[(c, i, j), (h, w, n)] over all i, j, h, w with h·stride + i = p, "
        "w·stride + j = q",
    ),
    mistakes=(
        Mistake("a pixel that several windows see must collect all of them: += in place of =",
                lambda i, right: gather(i, i["stride"], add=False)),
        Mistake(STRIDE_IGNORED, lambda i, right: gather(i, 1, add=True)),
        Mistake("the copies of a pixel are averaged: they must be added up", averaged),
        Mistake("i and j are exchanged",
                lambda i, right: gather(i, i["stride"], add=True, exchange=True)),
    ),
)  # fmt: skip
