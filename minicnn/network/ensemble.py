"""Several networks that answer together."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from minicnn.network.network import Sequential
from minicnn.network.prediction import decisions
from minicnn.typing import Array


class Ensemble:
    """What networks of one kind, trained from different initial weights, say on average.

    outputs = the mean of the networks' outputs, ``(classes, N)``, by which ``predict`` and
    ``minicnn.training.evaluate`` go.

    networks: at least one ``mc.Sequential``. Raises TypeError for something else, and ValueError for none or for
    networks that differ in their layers, preprocessing, number type or backend.
    """

    def __init__(self, networks: Iterable[Sequential]) -> None:
        self.networks = list(networks)
        if not self.networks:
            raise ValueError("networks is empty: there is nothing to take the mean of")
        for index, network in enumerate(self.networks):
            if not isinstance(network, Sequential):
                raise TypeError(f"networks[{index}] must be a mc.Sequential, got {type(network).__name__}")
            for first, this in zip_longest(facts(self.networks[0]), facts(network), fillvalue="no layer"):
                if first != this:
                    raise ValueError(f"networks[{index}] has {this} where networks[0] has {first}")
        self.backend = self.networks[0].backend

    def __len__(self) -> int:
        return len(self.networks)

    def outputs(self, images: Array, batch_size: int | None = None) -> Array:
        """The mean of what the networks say of every image; arguments and errors as of ``Sequential.outputs``."""
        said = [network.outputs(images, batch_size) for network in self.networks]
        return sum(said[1:], start=said[0]) / len(said)

    def decide(self, outputs: Array) -> Array:
        """The class each sample's outputs (classes, N) stand for, by the rule of the networks."""
        return self.networks[0].decide(outputs)

    def predict(self, images: Array, batch_size: int | None = None) -> Array:
        """The label of every image, a NumPy array (N,); arguments and errors as of ``Sequential.predict``."""
        return decisions(self, self.outputs(images, batch_size))


def facts(network: Sequential) -> Iterator[str]:
    """What networks that answer together have in common, in words."""
    yield f"backend {network.backend.name}"
    yield f"number type {network.dtype}"
    yield f"preprocessing {network.preprocess}"
    yield f"the classes {', '.join(network.classes or ['without names'])}"
    for layer in network:
        yield f"the layer {layer!r}, parameters {[p.shape for p in layer.parameters()]}"
