"""What users call a network: the container of layers, and what only the whole of it can do."""

from collections.abc import Callable, Sequence

from minicnn.data.classes import class_names
from minicnn.layers import Sequential as Container
from minicnn.layers.sequential import Layers
from minicnn.network import files, prediction, table
from minicnn.typing import Array


class Sequential(Container):
    """y = f_n(... f_2(f_1(x))); backward is the chain rule, from the last layer to the first.

    layers: a list of layers, or a mapping from names to layers. Unnamed layers are called after their class.
    All parameters move into one contiguous ``vector``; a parameter's name is "C1.weight".

    preprocess: turns uint8 images (N, H, W) into the network's input (C, H, W, N); ``predict`` and training
    use it. classes: the names of what its outputs stand for, as of ``data.Dataset``, or None if nobody has said;
    ``save`` keeps them and ``load`` brings them back.
    """

    def __init__(
        self,
        layers: Layers,
        *,
        preprocess: Callable[..., Array] | None = None,
        classes: int | Sequence[str] | None = None,
    ) -> None:
        super().__init__(layers)
        self.preprocess = preprocess
        self.classes = None if classes is None else class_names(classes)

    predict = prediction.predict
    outputs = prediction.outputs
    input = prediction.input

    counts = table.counts
    summary = table.summary

    state_dict = files.state_dict
    load_state_dict = files.load_state_dict
    save = files.save
    load = files.load
