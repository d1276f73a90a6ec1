"""A test part for data that come without one."""

import numpy as np

SHARE = 5
"""One sample in so many is kept for the test."""


def split(dataset, seed=0):
    """(train, test) of a Dataset: a fifth of each class, at least one sample, drawn by ``seed``, is the test part.

    Equal seeds draw the same samples; both parts keep the order of the data. A class of one sample trains only.
    """
    rng, chosen = np.random.default_rng(seed), np.zeros(len(dataset), bool)
    for label in range(len(dataset.classes)):
        places = np.flatnonzero(dataset.labels == label)
        count = max(1, len(places) // SHARE) if len(places) > 1 else 0
        chosen[rng.permutation(places)[:count]] = True
    return dataset.subset(~chosen), dataset.subset(chosen)
