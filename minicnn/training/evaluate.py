"""How well a network does on a data set."""

from dataclasses import dataclass

import numpy as np

from minicnn import losses


@dataclass(frozen=True)
class Evaluation:
    """loss: mean a sample (None without a criterion); predictions (N,); confusion[true, predicted] counts."""

    loss: float | None
    predictions: np.ndarray
    confusion: np.ndarray

    @property
    def count(self):
        return len(self.predictions)

    @property
    def errors(self):
        """How many samples were given a wrong label."""
        return int(self.confusion.sum() - np.trace(self.confusion))

    @property
    def error_rate(self):
        """The share of wrong labels, 0 to 1."""
        return self.errors / self.count


def evaluate(network, dataset, loss=None, *, batch_size=None):
    """Run ``dataset`` (uint8 images, labels) through ``network`` -> Evaluation.

    Raises ValueError for an empty data set or a label that the network has no output for.
    """
    if not len(dataset.labels):
        raise ValueError("dataset is empty: there is nothing to evaluate")
    outputs = network.outputs(dataset.images, batch_size)
    if dataset.labels.max() >= len(outputs):
        raise ValueError(f"labels must lie in 0..{len(outputs) - 1}, got {dataset.labels.max()}")
    predictions = network.backend.to_numpy(network.decide(outputs))
    if loss is not None:
        value = float(losses.on(loss, network.backend).forward(outputs, network.backend.asarray(dataset.labels)))
        loss = value if losses.reduction(loss) == "mean" else value / len(dataset.labels)
    classes = int(outputs.shape[0])
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (dataset.labels, predictions), 1)
    return Evaluation(loss, predictions, confusion)
