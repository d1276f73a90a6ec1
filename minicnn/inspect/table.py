"""A trace as a table for the terminal."""

from typing import Any

import numpy as np

from minicnn.typing import Array

HEAD = ("layer", "output", "mean", "std", "min", "max", "|dL/dy|", "|dL/dw|", "saturated")


def table(trace: Any) -> str:
    """One line a layer, the input first: the shape and the numbers of its output y, the length of the gradients that
    arrive at y and at its parameters w, and its share of saturated units."""
    rows = [HEAD, ("input", *numbers(trace.input), size(trace[0].input_gradient), "", "")]
    for layer in trace:
        weights = f"{layer.gradient_norm:.2e}" if layer.gradients else ""
        saturated = "" if layer.saturated is None else f"{layer.saturated:.1%}"
        rows.append((layer.name, *numbers(layer.output), size(layer.output_gradient), weights, saturated))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    texts = []
    for row in rows:
        name, *others = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        texts.append("  ".join([name, *others]).rstrip())
    rule = "-" * max(map(len, texts))
    return "\n".join([texts[0], rule, *texts[1:], rule, verdict(trace)])


def numbers(a: Array) -> tuple[str, ...]:
    """Shape without the samples, as the paper writes it (28x28x6), then mean, standard deviation, min and max."""
    shape = "x".join(map(str, (*a.shape[1:-1], a.shape[0])))
    return shape, *(f"{float(value):.3g}" for value in (a.mean(), a.std(), a.min(), a.max()))


def size(a: Array) -> str:
    return f"{float(np.linalg.norm(a.astype(np.float64))):.2e}"


def verdict(trace: Any) -> str:
    """Loss and labels in a line."""
    count = len(trace.labels)
    if count == 1:
        return f"loss {trace.loss:.4g}, label {trace.labels[0]}, read as {trace.predictions[0]}"
    right = int((trace.labels == trace.predictions).sum())
    return f"loss {trace.loss:.4g}, {right} of {count} samples read rightly"
