"""Training steps layer by layer, by the layers' own methods: for what a GPU has no graph for."""

import math

import numpy as np

from minicnn.data import Dataset


class LayerwiseSteps:
    """``epoch(batches, rates)`` trains on one batch after the other, the whole of it at once, on the network's backend.

    Any layers, loss and optimizer will do. A context manager, as the other steps are; there is nothing to end.
    """

    def __init__(self, network, loss, optimizer, dataset):
        self.network, self.loss, self.optimizer, self.dataset = network, loss.to(network.backend), optimizer, dataset

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        self.dataset = Dataset(images, self.dataset.labels)

    def epoch(self, batches, rates, stopped=lambda: False):
        """Train on the batches, index arrays, one learning rate each; yields (indices, lr, loss, errors) after each.

        loss is summed over the batch, errors counts wrong labels. No step is taken from a loss that is not finite, and
        none after ``stopped()``.
        """
        network, loss, optimizer = self.network, self.loss, self.optimizer
        for indices, optimizer.lr in zip(batches, rates):
            if stopped():
                return
            labels, count = self.dataset.labels[indices], len(indices)
            outputs = network.forward(network.input(self.dataset.images[indices]))
            value = loss.forward(outputs, labels) * (count if loss.reduction == "mean" else 1)
            network.backward(loss.backward())
            if math.isfinite(value):
                optimizer.step()
            decided = network.backend.to_numpy(network.decide(outputs))
            yield indices, optimizer.lr, value, int(np.count_nonzero(decided != labels))
