"""How well a network does on a data set."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn import losses
from minicnn.data import Dataset
from minicnn.network.prediction import decisions
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


def evaluate(network: Any, dataset: Dataset, loss: Any = None, *, batch_size: int | None = None) -> Evaluation:
    """Run ``dataset`` (uint8 images, labels) through ``network`` -> Evaluation.

    Raises ValueError for an empty data set or a label that the network has no output for, and DivergedError where
    outputs are NaN and no loss is there to show it.
    """
    if not callable(getattr(network, "outputs", None)):
        raise TypeError(f"network must have outputs(images) as a Sequential has, got {type(network).__name__}")
    check_dataset("dataset", dataset)
    outputs = network.outputs(dataset.images, batch_size)
    if dataset.labels.max() >= len(outputs):
        raise ValueError(f"labels must lie in 0..{len(outputs) - 1}, got {dataset.labels.max()}: the network has "
                         f"{len(outputs)} outputs, one for each class")  # fmt: skip
    if loss is not None:
        value = float(losses.on(loss, network.backend).forward(outputs, network.backend.asarray(dataset.labels)))
        loss = value if losses.reduction(loss) == "mean" else value / len(dataset.labels)
    lost = loss is not None and not math.isfinite(loss)  # whoever gave a loss sees it there
    predictions = network.backend.to_numpy(network.decide(outputs)) if lost else decisions(network, outputs)
    classes = int(outputs.shape[0])
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (dataset.labels, predictions), 1)
    return Evaluation(loss, predictions, confusion)
