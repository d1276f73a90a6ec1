"""How well a network does on a data set."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn import losses
from minicnn.data import Dataset
from minicnn.layers.parts import evaluating
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
    if not callable(getattr(network, "outputs", None)):
        raise TypeError(f"network must have outputs(images) as a Sequential has, got {type(network).__name__}")
    check_dataset("dataset", dataset)
    outputs = _outputs(network, dataset.images, batch_size, communicator or Communicator())
    if dataset.labels.max() >= len(outputs):
        raise ValueError(f"labels must lie in 0..{len(outputs) - 1}, got {dataset.labels.max()}: the network has "
                         f"{len(outputs)} outputs, one for each class")  # fmt: skip
    if loss is not None:
        value = float(losses.on(loss, network.backend).forward(outputs, network.backend.asarray(dataset.labels)))
        loss = value if losses.reduction(loss) == "mean" else value / len(dataset.labels)
    lost = loss is not None and not math.isfinite(loss)  # whoever gave a loss sees it there
    predictions = network.backend.to_numpy(network.decide(outputs)) if lost else decisions(network, outputs)
    classes = int(outputs.shape[0])
    pairs = dataset.labels.astype(np.int64) * classes + predictions
    confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return Evaluation(loss, predictions, confusion)


def _outputs(network, images, batch_size, communicator):
    """``network.outputs``, each rank of its own share of the images; all of them where that is another batch."""
    if communicator.size == 1 or _whole_batch(network):
        return network.outputs(images, batch_size)
    count = len(images)
    ends = [count * rank // communicator.size for rank in range(communicator.size + 1)]
    mine = slice(*ends[communicator.rank : communicator.rank + 2])
    with communicator.together():
        said = network.outputs(images[mine] if mine.start < mine.stop else images[:1], batch_size)
    every = network.backend.xp.zeros((*said.shape[:-1], count), said.dtype)
    every[..., mine] = said[..., : mine.stop - mine.start]
    communicator.sum(every)
    return every


def _whole_batch(network):
    with evaluating(network):
        return any(layer.whole_batch for _, layer in network.walk())
