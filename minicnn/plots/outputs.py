"""The output of every class for one image."""

import numpy as np

from minicnn.plots.canvas import BLUE, ORANGE, sheet


def outputs(values, label, path, *, larger_wins=False):
    """Draw the outputs (classes,) of one image as bars; the winner's is filled in colour -> path.

    label: the right class. larger_wins: the outputs are scores, not distances.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values must have shape (classes,), got {values.shape}")
    if not 0 <= label < len(values):
        raise ValueError(f"label must lie in 0..{len(values) - 1}, got {label}")
    order = np.argsort(-values if larger_wins else values, kind="stable")
    winner, second = int(order[0]), int(order[min(1, len(order) - 1)])
    colours = ["0.78"] * len(values)
    colours[label], colours[winner] = BLUE, ORANGE
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        bars = axes.bar(range(len(values)), values, color=colours, width=0.75)
        axes.bar_label(bars, [_number(value) for value in values], padding=4)
        what = "output" if larger_wins else "squared distance from the prototype"
        axes.set(xticks=range(len(values)), xlabel="class", ylabel=what)
        axes.margins(y=0.12)
        axes.axhline(0, color="black", linewidth=1)
        axes.tick_params(axis="x", length=0)
        verdict = "rightly" if winner == label else f"wrongly: it is a{'n' * (label == 8)} {label} (blue)"
        how = "largest" if larger_wins else "smallest"
        figure.suptitle(f"The {how} output wins: read as a{'n' * (winner == 8)} {winner}, {verdict}")
        if second != winner:
            gap = abs(values[second] - values[winner])
            axes.set_title(f"ahead of {second} by {_number(gap)}")
    return path


def _number(value):
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"
