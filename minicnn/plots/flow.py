"""How large signals are on their way forward, and gradients on their way back."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from minicnn.plots.canvas import BLUE, ORANGE, sheet

GREEN = "#009E73"
"""The third of Okabe and Ito's colours that the colour-blind tell apart best."""


def gradient_flow(trace, path):
    """Draw a Trace of minicnn.inspect: a line a layer, forward on the left, backward on the right -> path.

    Left: the standard deviation of each layer's output. Right: the length of the gradient that arrives at the output,
    |dL/dy|, and at the parameters, |dL/dw|, on a logarithmic scale.
    """
    names = ["input", *(layer.name for layer in trace)]
    rows = np.arange(len(names))
    spread = [signal.std() for signal in (trace.input, *(layer.output for layer in trace))]
    arriving = [_length(g) for g in (trace[0].input_gradient, *(layer.output_gradient for layer in trace))]
    weights = [(row, layer.gradient_norm) for row, layer in enumerate(trace, start=1) if layer.gradients]
    with sheet(path, (12.8, max(5.0, 2.7 + 0.35 * len(names))), layout="constrained") as figure:
        forward, backward = figure.subplots(1, 2, sharey=True)
        forward.plot(spread, rows, color=GREEN, marker="D")
        forward.set(xlabel="standard deviation of the output y", yticks=rows, yticklabels=names,
                    ylim=(rows[-1] + 0.5, -0.5))  # fmt: skip
        forward.set_title("signals, forward ↓")
        _scale(forward, spread)
        _line(backward, rows, arriving, BLUE, "o", "at the output y: |dL/dy|")
        if weights:
            _line(backward, *zip(*weights), ORANGE, "s", "at the parameters w: |dL/dw|")
        backward.set(xlabel="length of the gradient")
        backward.set_title("gradients, backward ↑")
        _scale(backward, [*arriving, *(value for _, value in weights)])
        for axes in (forward, backward):
            axes.grid(color="0.88")
            axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower right", ncols=2, frameon=False)
        figure.suptitle(f"One step, forward and backward: loss {trace.loss:.3g}")
    return path


def _line(axes, rows, values, colour, marker, label):
    """A line down the layers, broken where a gradient is 0: a logarithm cannot show that."""
    values = np.array(values, float)
    values[values == 0] = np.nan
    axes.plot(values, rows, color=colour, marker=marker, label=label)


def _length(gradient):
    return float(np.linalg.norm(gradient.astype(np.float64)))


def _scale(axes, values):
    """Logarithmic, wide enough that at least two powers of ten stand below the axis."""
    positive = [value for value in values if value > 0 and np.isfinite(value)]
    if not positive:
        return
    axes.set_xscale("log")
    low, high = np.log10(min(positive)), np.log10(max(positive))
    axes.set_xlim(10 ** (min(low, np.floor(low + 0.1)) - 0.1), 10 ** (max(high, np.ceil(high - 0.1)) + 0.1))
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_minor_formatter(NullFormatter())
