"""What must be the same for a run to go on from a checkpoint, in short words that can be compared."""

import hashlib
import re

import numpy as np


def task_of(network, loss, train, batch_size, augment, average=None):
    """{name: value} of the data, the batches, the criterion, the distortions and the average, if any, of a run.

    What a user may well change on the way is not among them: learning rate, the optimizer's settings, the last epoch.
    data_set, the name of the data, is for messages alone: it is data that tells one set of images from another.
    """
    averaged = {} if average is None else {"average": words(average)}
    return {
        "data_set": str(getattr(train, "name", "")),
        "samples": len(train.labels), "batch_size": batch_size,
        "data": data_digest(network.backend, train), "preprocess": words(network.preprocess),
        "loss": words(loss), "augment": words(augment), **averaged,
    }  # fmt: skip


def data_digest(backend, dataset):
    """The beginning of the SHA-256 of all pixels and labels, with their shapes and types."""
    digest = hashlib.sha256()
    for array in (dataset.images, dataset.labels):
        array = np.ascontiguousarray(backend.to_numpy(array))
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()[:32]


def words(thing):
    """What a loss, a transform or None is: its own repr, without addresses in memory, or else the name of its class.

    Of a function nothing is known that would hold for long: "", which is never compared.
    """
    if hasattr(thing, "__qualname__"):
        return ""
    if type(thing).__repr__ is object.__repr__:
        return type(thing).__qualname__
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))
