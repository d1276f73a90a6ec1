"""What dropout keeps of the next batches, drawn ahead, so that no kernel waits for Python."""

import math

import numpy as np

COLUMNS = 2048
"""Samples for which masks are drawn at once, or as many whole batches as they make: 3 MB for LeNet-5, a twentieth of a
second of training."""


class Masks:
    """For each Dropout layer of a network ``kept`` (elements of a sample, columns), uint8: 1 where an element stays.

    A sample's column is its place in the epoch's order, less ``first[0]``. The layers draw batch by batch, each for the
    whole batch, as their own forward does: equal seeds give equal masks, whoever computes. most: samples of the largest
    batch; share: takes its own samples from those of a batch, where others have the rest.
    """

    def __init__(self, backend, most, share=lambda batch: batch):
        self.backend, self.columns, self.share = backend, max(COLUMNS // most, 1) * most, share
        self.layers, self.first, self.states, self.sizes = {}, backend.xp.zeros(1, np.int64), [], []

    def of(self, layer, shape):
        """(kept, first) of a layer whose x has this shape; the same arrays for all programs of a network."""
        if id(layer) not in self.layers:
            *sample, samples = shape
            kept = np.zeros((math.prod(sample), self.columns + samples), np.uint8)  # a last part may be filled up
            self.layers[id(layer)] = layer, sample, kept, self.backend.asarray(kept)
        return self.layers[id(layer)][-1], self.first

    def draw(self, first, sizes):
        """Masks of batches of these sizes, whose first sample stands at ``first`` -> of how many, as there is room."""
        if not self.layers:
            return len(sizes)
        self.backend.synchronize()  # what reads the ones before is done
        self.first[...] = int(first)
        self.sizes = sizes[: np.searchsorted(np.cumsum(sizes), self.columns, "right")]
        self.states = [layer.rng.bit_generator.state for layer, *_ in self.layers.values()]
        self._draw()
        return len(self.sizes)

    def take_back(self, count):
        """The last ``count`` batches that ``draw`` was for did not come: nothing shall have been drawn for them."""
        for (layer, *_), state in zip(self.layers.values(), self.states):
            layer.rng.bit_generator.state = state
        self.sizes = self.sizes[: len(self.sizes) - count]
        self._draw()

    def _draw(self):
        start = 0
        for size in self.sizes:
            own = self.share(np.arange(size))
            for layer, sample, kept, _ in self.layers.values():
                kept[:, start : start + len(own)] = layer.kept((*sample, size)).reshape(-1, size)[:, own]
            start += len(own)
        for *_, kept, there in self.layers.values():
            if there is not kept:
                there.set(kept)
