"""How well a network does on a data set."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn import losses
from minicnn.compiled.prediction import DevicePrediction, by_kernels
from minicnn.data import Dataset
from minicnn.layers.parts import evaluating
from minicnn.network import Sequential
from minicnn.network.prediction import decisions
from minicnn.ranks import Communicator
from minicnn.training.protocol import check_dataset
from minicnn.typing import Array


@dataclass(frozen=True)
class Evaluation:
    """loss: mean a sample (None without a criterion); predictions (N,); confusion[true, predicted] counts."""

    loss: float | None
    predictions: Array
    confusion: Array

    @property
    def count(self) -> int:
        """How many samples there were."""
        return len(self.predictions)

    @property
    def errors(self) -> int:
        """How many samples were given a wrong label."""
        return int(self.confusion.sum() - np.trace(self.confusion))

    @property
    def error_rate(self) -> float:
        """The share of wrong labels, 0 to 1."""
        return self.errors / self.count


def evaluate(network: Any, dataset: Dataset, loss: Any = None, *, batch_size: int | None = None,
             communicator: Communicator | None = None) -> Evaluation:  # fmt: skip
    """Run ``dataset`` (uint8 images, labels) through ``network`` -> Evaluation.

    communicator: of ranks that all call this with the same network and dataset; each takes a share of the images.

    Raises ValueError for an empty data set or a label that the network has no output for, and DivergedError where
    outputs are NaN and no loss is there to show it.
    """
    return Evaluator(dataset, loss, batch_size=batch_size, communicator=communicator)(network)


class Evaluator:
    """``evaluator(network)`` -> Evaluation: ``evaluate`` for a data set that is run through a network again and again.

    On a GPU, the images and what predicts for each network stay as long as this object does. Between two calls weights
    may change; images and layers may not. Arguments and errors as of ``evaluate``.
    """

    def __init__(self, dataset: Dataset, loss: Any = None, *, batch_size: int | None = None,
                 communicator: Communicator | None = None) -> None:  # fmt: skip
        check_dataset("dataset", dataset)
        self.dataset, self.loss, self.batch_size = dataset, loss, batch_size
        self.communicator = communicator or Communicator()
        self._kept: dict[int, DevicePrediction] = {}

    def __call__(self, network: Any) -> Evaluation:
        """The network as it is now."""
        if not callable(getattr(network, "outputs", None)):
            raise TypeError(f"network must have outputs(images) as a Sequential has, got {type(network).__name__}")
        outputs, labels, loss = self._outputs(network), self.dataset.labels, self.loss
        if labels.max() >= len(outputs):
            raise ValueError(f"labels must lie in 0..{len(outputs) - 1}, got {labels.max()}: the network has "
                             f"{len(outputs)} outputs, one for each class")  # fmt: skip
        if loss is not None:
            value = float(losses.on(loss, network.backend).forward(outputs, network.backend.asarray(labels)))
            loss = value if losses.reduction(loss) == "mean" else value / len(labels)
        lost = loss is not None and not math.isfinite(loss)  # whoever gave a loss sees it there
        predictions = network.backend.to_numpy(network.decide(outputs)) if lost else decisions(network, outputs)
        classes = int(outputs.shape[0])
        pairs = labels.astype(np.int64) * classes + predictions
        confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        return Evaluation(loss, predictions, confusion)

    def _outputs(self, network):
        """What the network says of all images, each rank's of its own share; of all where that is another batch."""
        ranks, count = self.communicator, len(self.dataset.labels)
        if ranks.size == 1 or _whole_batch(network):
            return self._outputs_of(network, slice(None))
        ends = [count * rank // ranks.size for rank in range(ranks.size + 1)]
        mine = slice(*ends[ranks.rank : ranks.rank + 2])
        with ranks.together():
            said = self._outputs_of(network, mine if mine.start < mine.stop else slice(1))
        every = network.backend.xp.zeros((*said.shape[:-1], count), said.dtype)
        every[..., mine] = said[..., : mine.stop - mine.start]
        ranks.sum(every)
        return every

    def _outputs_of(self, network, share):
        images = self.dataset.images[share]
        if self.batch_size is None and getattr(network.outputs, "__func__", None) is Sequential.outputs:
            with evaluating(network):
                if by_kernels(network, images):
                    return self._prediction(network, images).run()
        return network.outputs(images, self.batch_size)

    def _prediction(self, network, images):
        """The one that is kept for this network, a new one where the network has moved; all share a copy of images."""
        kept = self._kept.get(id(network))
        if kept is None or kept.program.network.vector is not kept.vector:
            copies = [other.images for other in self._kept.values() if other.backend is network.backend]
            kept = self._kept[id(network)] = DevicePrediction(network, copies[0] if copies else images)
        return kept


def _whole_batch(network):
    with evaluating(network):
        return any(layer.whole_batch for _, layer in network.walk())
