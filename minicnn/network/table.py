"""A network in numbers, layer by layer. Methods of ``Sequential``: the first argument is the network."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minicnn.layers import Parameter
from minicnn.layers.parts import held
from minicnn.terminal import WIDTH
from minicnn.typing import Array, Shape

if TYPE_CHECKING:
    from minicnn.network.network import Sequential

GAP, LEAST_TEXT = "  ", 16
"""Between two columns; columns that a layer's description has at least."""


Forward: TypeAlias = Callable[[Array], Array]


def counts(network: "Sequential", input_shape: Shape) -> list[dict[str, Any]]:
    """One dict a layer: name, text, input, output (shapes without N), parameters, connections.

    An elementwise layer has no line of its own; its name stands in ``text`` of the layer before it. Nor has one that is
    made of layers and holds no parameters itself: its parts have, in the order in which it computes them.
    """
    probe = copy.deepcopy(network).eval()  # a forward pass shows the shapes without touching what the network keeps
    lines: list[dict[str, Any]] = []
    for path, layer in probe.walk()[1:]:
        if not layer.parts() or held(layer, Parameter):
            vars(layer)["forward"] = _recording(layer.forward, path, layer, lines)
    probe.forward(probe.backend.asarray(np.zeros((*input_shape, 1), probe.dtype)))
    return lines


def _recording(forward: Forward, name: str, layer: Any, lines: list[dict[str, Any]]) -> Forward:
    """forward itself, with a line for what it saw and made."""

    def recording(x: Array) -> Array:
        y = forward(x)
        before, after = tuple(x.shape[:-1]), tuple(y.shape[:-1])
        if layer.activation and lines:
            lines[-1]["text"] += f", {layer.describe()}"
        else:
            lines.append({
                "name": name, "text": layer.describe(), "input": before, "output": after,
                "parameters": sum(p.size for _, p in held(layer, Parameter)),
                "connections": layer.connections(before, after),
            })  # fmt: skip
        return y

    return recording


def summary(network: "Sequential", input_shape: Shape) -> str:
    """The network as a table, 80 columns wide unless names are very long; input_shape is (C, H, W).

    A layer has a line, and what does not fit beside its numbers stands below.
    """
    lines = network.counts(input_shape)
    rows: list[tuple[str, ...]] = [("layer", "", "input", "output", "parameters", "connections")]
    for line in lines:
        shapes = ["x".join(map(str, (*s[1:], s[0]))) for s in (line["input"], line["output"])]
        rows.append((line["name"], line["text"], *shapes, f"{line['parameters']:,}", f"{line['connections']:,}"))
    totals = [f"{sum(line[key] for line in lines):,}" for key in ("parameters", "connections")]
    rows.append(("total", "", "", "", *totals))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    indent = " " * (widths[0] + len(GAP))
    room = max(LEAST_TEXT, WIDTH - len(indent) - sum(widths[2:]) - 4 * len(GAP))
    broken = [_broken(row[1], room, WIDTH - len(indent)) for row in rows]
    widths[1] = max(len(beside) for beside, *_ in broken)
    texts = []
    for (name, _, *numbers), (beside, *below) in zip(rows, broken):
        cells = [name.ljust(widths[0]), beside.ljust(widths[1]), *(n.rjust(w) for n, w in zip(numbers, widths[2:]))]
        texts.append("\n".join([GAP.join(cells).rstrip(), *(indent + line for line in below)]))
    rule = "-" * max(len(line) for text in texts for line in text.split("\n"))
    return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])


def _broken(text: str, first: int, others: int) -> list[str]:
    """``text`` in lines, broken after commas: the first this wide, the others that wide."""
    *parts, last = text.split(", ")
    lines = [""]
    for part in (*(f"{part}, " for part in parts), last):
        if lines[-1] and len((lines[-1] + part).rstrip()) > (first if len(lines) == 1 else others):
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]
