"""Step after step: on every backend the loop sees the same, (loss, errors) of one batch after the other."""

import math

from minicnn.training.graph_step import GraphStep, graph_obstacle
from minicnn.training.step import GradientStep
from minicnn.training.workers import WorkerPool


def step_maker(network, loss, optimizer, dataset, batch_size, workers=1):
    """What computes the gradients, or whole steps: a GraphStep, a WorkerPool or a GradientStep. A context manager."""
    if workers > 1:
        return WorkerPool(network, loss, dataset, workers)
    if graph_obstacle(network, loss, optimizer) is None:
        return GraphStep(network, loss, optimizer, dataset, batch_size)
    return GradientStep(network, loss, dataset)


def steps(maker, optimizer, batches, rates, stop):
    """Train on the batches, one learning rate each; yields (indices, loss, errors) after every step.

    No step is taken from a loss that is not finite, and none after ``stop.requested``. A GraphStep has done all of
    them when the first is yielded.
    """
    if isinstance(maker, GraphStep):
        rates = list(rates)
        results = maker.epoch(batches, rates, lambda: stop.requested)
        for indices, rate, result in zip(batches, rates, results):
            optimizer.lr = rate
            yield indices, *result
        return
    for indices, rate in zip(batches, rates):
        optimizer.lr = rate
        loss, errors = maker(indices)
        if math.isfinite(loss):
            optimizer.step()
        yield indices, loss, errors
        if stop.requested:
            return
