"""Step after step: on every device the loop sees the same, the loss and errors of one batch after the other."""

from minicnn.compiled.graph import GraphSteps, graph_obstacle
from minicnn.compiled.steps import Steps


def training_steps(network, loss, optimizer, dataset, batch_size, threads=None):
    """What trains on batches: a context manager with ``epoch`` and ``use_images``, see ``Steps``.

    On a GPU a step is one captured graph, unless there is something in it that no graph can take.
    """
    if graph_obstacle(network, loss, optimizer) is None:
        return GraphSteps(network, loss, optimizer, dataset, batch_size)
    return Steps(network, loss, optimizer, dataset, batch_size, threads)
