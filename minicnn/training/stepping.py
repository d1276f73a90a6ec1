"""Step after step: on every device the loop sees the same, the loss and errors of one batch after the other."""

from minicnn.compiled.graph import GraphSteps, graph_obstacle
from minicnn.compiled.graph_ranks import RankSteps
from minicnn.compiled.steps import Steps


def training_steps(network, loss, optimizer, dataset, batch_size, threads, communicator):
    """What trains on batches: a context manager with ``epoch`` and ``use_images``, see ``Steps``.

    On a GPU steps are a captured graph, unless there is something in it that no graph can take.
    """
    if graph_obstacle(network, loss, optimizer) is None:
        if communicator.size > 1:
            return RankSteps(network, loss, optimizer, dataset, batch_size, communicator)
        return GraphSteps(network, loss, optimizer, dataset, batch_size)
    return Steps(network, loss, optimizer, dataset, batch_size, threads, communicator)
