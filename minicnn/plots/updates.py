"""How far each step of training moves the weights, relative to their size."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from minicnn.plots.canvas import sheet

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's, the yellow left out: it is lost on a projector."""
STYLES = "-", "--", ":"
HEALTHY = 1e-3
"""The rule of thumb."""
WINDOW = 50
"""The curve is the median of so many parts of the run; the single steps are drawn faintly behind it."""


def update_ratios(steps, ratios, path):
    """Draw |change of w| / |w| of every weight array over the steps of training -> path.

    steps: numbers of the steps; ratios: {name: one number for each}. Raises ValueError where there is none.
    """
    steps = np.asarray(steps)
    if not len(steps) or not ratios:
        raise ValueError("there is no step to draw: was the optimizer used within the block?")
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        every, medians = max(1, len(steps) // WINDOW), []
        for number, (name, values) in enumerate(ratios.items()):
            values = np.where(np.asarray(values, float) > 0, values, np.nan)  # a step of 0 has no logarithm
            colour, style = COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS) % len(STYLES)]
            axes.plot(steps, values, color=colour, linewidth=0.8, alpha=0.25)
            x, y = _medians(steps, values, every)
            axes.plot(x, y, color=colour, linestyle=style, label=name)
            medians += y
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.axhline(HEALTHY, color="black", linestyle=(0, (6, 4)), linewidth=2, zorder=0, label="rule of thumb")
        _vertical_limits(axes, medians)
        axes.set(xlabel="step", ylabel="|change of w| / |w|", xlim=(steps[0] - 0.5, steps[-1] + 0.5))
        axes.grid(color="0.9")
        figure.suptitle("How far each step moves the weights, relative to their size")
        figure.legend(loc="outside right center", frameon=False)
    return path


def _vertical_limits(axes, medians):
    """From the rule of thumb to the largest ratio at least, and at most five powers of ten: a learning rate that falls
    to 0 takes the last steps with it."""
    seen = [value for value in medians if np.isfinite(value)] + [HEALTHY]
    high = max(seen) * 2
    axes.set_ylim(max(min(seen) / 2, high / 1e5), high)


def _medians(steps, values, every):
    """The median of each stretch of ``every`` steps, at its middle."""
    parts = range(0, len(steps), every)
    with np.errstate(all="ignore"):
        middle = [values[i : i + every] for i in parts]
        y = [np.nanmedian(part) if np.isfinite(part).any() else np.nan for part in middle]
    return [steps[i : i + every].mean() for i in parts], y
