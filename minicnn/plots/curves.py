"""Loss and error, epoch by epoch."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from minicnn.plots.canvas import BLUE, ORANGE, headline, sheet
from minicnn.typing import FilePath

SERIES = (
    ("train", "training images, while the weights change", BLUE, "o"),
    ("test", "test images, after each epoch", ORANGE, "s"),
)


def learning_curves(records: Iterable[Mapping[str, Any]], path: FilePath, title: str = "learning curves") -> FilePath:
    """Draw the losses and errors of ``records``, one dict an epoch as ``training.fit`` makes them -> path.

    Records without test_loss and test_error are drawn without them. Raises ValueError if there is no record.
    """
    records = list(records)
    if not records:
        raise ValueError("records is empty: there is no epoch to draw")
    with sheet(path, layout="constrained") as figure:
        losses, errors = figure.subplots(1, 2)
        _panel(losses, records, "loss", "loss, mean of an image", 1, "{:.3g}")
        _panel(errors, records, "error", "images misread (%)", 100, "{:.2f}%")
        headline(figure, title)
        handles, labels = losses.get_legend_handles_labels()
        figure.get_layout_engine().set(rect=(0, 0.08, 1, 0.92))  # the legend stands below both panels
        figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False)
    return path


def _panel(axes, records, quantity, label, factor, number):
    """One quantity of all records; each curve's last value stands beside its end."""
    epochs = [record["epoch"] for record in records]
    curves = []
    for kind, name, colour, marker in SERIES:
        if f"{kind}_{quantity}" in records[0]:
            values = [factor * record[f"{kind}_{quantity}"] for record in records]
            axes.plot(epochs, values, color=colour, marker=marker, label=name)
            curves.append((values, colour))
    margin = max(1, epochs[-1] - epochs[0])
    axes.set(title=quantity, xlabel="epoch", ylabel=label, xlim=(epochs[0] - 0.06 * margin, epochs[-1] + 0.24 * margin))
    round_numbers = MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]).tick_values(epochs[0], epochs[-1])
    axes.set_xticks(sorted({epochs[0], epochs[-1]} | {int(t) for t in round_numbers if epochs[0] < t < epochs[-1]}))
    axes.grid(axis="y", color="0.88")
    _vertical_scale(axes, [value for values, _ in curves for value in values])

    ends = sorted((values[-1], colour) for values, colour in curves)
    height = axes.transData.transform([(epochs[-1], value) for value, _ in ends])[:, 1] * 72 / axes.figure.dpi  # points
    apart = max(0, 20 - (height[-1] - height[0])) / 2 if len(ends) > 1 else 0
    for (value, colour), shift in zip(ends, (-apart, apart)):
        axes.annotate(number.format(value), (epochs[-1], value), color=colour, weight="bold", va="center",
                      xytext=(10, shift), textcoords="offset points")  # fmt: skip


def _vertical_scale(axes, values):
    """Logarithmic, so that every halving is as long as any other and the last epochs can be read too."""
    lowest, highest = min(values), max(values)
    if lowest <= 0:  # nothing wrong any more: a logarithm cannot show that
        axes.set_ylim(-0.07 * max(highest, 1e-9), 1.1 * max(highest, 1e-9))
        return
    axes.set_yscale("log")
    axes.set_ylim(lowest / 1.5, highest * 1.5)  # a factor of more than 2: at least one label falls in between
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
