"""How well a network does on a data set."""

from dataclasses import dataclass

import numpy as np


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


def evaluate(network, dataset, loss=None, *, batch_size=500):
    """Run ``dataset`` (uint8 images, labels) through ``network`` -> Evaluation.

    Raises ValueError for an empty data set or a label that the network has no output for.
    """
    if not len(dataset.labels):
        raise ValueError("dataset is empty: there is nothing to evaluate")
    predictions = np.empty(len(dataset.labels), np.intp)
    total = 0.0
    with network.backend.reuse_buffers() as workspace:
        for start in range(0, len(predictions), batch_size):
            workspace.rewind()
            part = slice(start, start + batch_size)
            outputs = network.forward(network.input(dataset.images[part]))
            predictions[part] = network.backend.to_numpy(network.decide(outputs))
            if loss is not None:
                labels = dataset.labels[part]
                total += loss.total(loss.forward(outputs, labels), len(labels))
    classes = max(int(outputs.shape[0]), int(dataset.labels.max()) + 1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (dataset.labels, predictions), 1)
    return Evaluation(None if loss is None else total / len(predictions), predictions, confusion)
