"""The pictures of a trace that minicnn.plots draws for training too."""

from typing import TYPE_CHECKING

from minicnn import plots
from minicnn.typing import FilePath

if TYPE_CHECKING:
    from minicnn.inspect.step import Trace


def feature_maps(trace: "Trace", path: FilePath, sample: int) -> FilePath:
    """Every layer's output for one sample; an elementwise layer is drawn in place of the one before it."""
    stages = [("input", trace.input[..., sample])]
    for layer in trace:
        output = layer.output[..., sample]
        reshaped = not layer.values and layer.output.size == layer.input.size
        if layer.saturated is not None and len(stages) > 1:  # a squashing
            stages[-1] = (stages[-1][0], output)
        elif not reshaped:
            stages.append((layer.name, output))
    label = int(trace.labels[sample])
    words = "\nof each class" if trace.larger_wins else "squared distance\nfrom each prototype"
    title = f"The network looks at a{'n' * (label == 8)} {label}"
    return plots.feature_maps(stages, path, title, smallest_wins=not trace.larger_wins, output_words=words)


def filters(trace: "Trace", path: FilePath, name: str) -> FilePath:
    """The kernels of one convolution."""
    layer = trace[name]
    if layer.kernels is None:
        having = [layer.name for layer in trace if layer.kernels is not None]
        raise ValueError(f"{name} has no kernels to draw; {', '.join(having) or 'no layer of this network'} has")
    return plots.filters(layer.kernels, path, f"{name}: its kernels", connections=layer.connections)
