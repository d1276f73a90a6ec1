"""Step after step: on every device the loop sees the same, the loss and errors of one batch after the other."""

from minicnn.compiled.steps import Steps


def training_steps(network, loss, optimizer, dataset, batch_size, threads=None):
    """What trains on batches: a context manager with ``epoch`` and ``use_images``, see ``Steps``."""
    return Steps(network, loss, optimizer, dataset, batch_size, threads)
