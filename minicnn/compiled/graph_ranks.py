"""A step of several GPUs: a graph up to the gradient, the sum over the ranks, and a graph for the update."""

from functools import partial

import numpy as np

from minicnn.compiled.cuda import Launches
from minicnn.compiled.cuda_towers import TowerForm
from minicnn.compiled.graph import GraphSteps
from minicnn.compiled.program import Program
from minicnn.optim import StochasticDiagonalLM


class RankSteps(GraphSteps):
    """``GraphSteps`` of one rank of several, each with a GPU: it takes its stretch of every batch.

    communicator: of the ranks, all of which call the same methods with the same batches. Its ``sum`` may only queue the
    work on the current stream, as NCCL's does, or wait for it.
    """

    def __init__(self, network, loss, optimizer, dataset, batch_size, communicator, *, capture=True):
        super().__init__(network, loss, optimizer, dataset, batch_size, capture=capture)
        self.communicator = communicator
        self.most = -(-self.batch_size // communicator.size)

    def results(self, done):
        every = np.array(super().results(done))
        self.communicator.sum(every)
        return every

    def _load(self, order, sizes, rates):
        shares = [self._share(batch) for batch in np.split(order, np.cumsum(sizes)[:-1])]
        super()._load(np.concatenate(shares), np.array([len(share) for share in shares]), rates, sizes)

    def _share(self, batch):
        most = -(-len(batch) // self.communicator.size)
        return batch[self.communicator.rank * most :][:most]

    def _step(self):
        data, optimizer, vector, dtype = self.data, self.optimizer, self.network.vector, self.network.dtype
        form = TowerForm(self.backend, dtype, vector.grads)
        batch = data.images, data.labels, data.order, data.position
        how = *batch, self.loss, vector.grads, data.scale, None, self.masks
        program = Program(self.network, form, self.most, *how)
        if type(optimizer) is StochasticDiagonalLM:
            self.curvature = self.backend.xp.ones(vector.values.shape, dtype)
        gradient = Launches([*program.sections[0], *form.gradient_sums()])
        arrays = vector.values, optimizer.velocity[0], self.curvature
        end = form.step_end(*arrays, optimizer.nesterov, data, summed=True)
        return lambda ahead: Halves(gradient, partial(self.communicator.sum, vector.grads), end(ahead))

    def _capture(self):
        halves = self.launches
        gradient = self._captured(halves.gradient)
        update = self._captured(Launches([*halves.update, self.next]))
        if gradient is not None and update is not None:
            launches = partial(gradient.launch, self.stream), halves.sum, partial(update.launch, self.stream)
            self.graphs[1] = Halves(*launches)


class Halves:
    """Both halves of a step and what is between; as a function, and as ``GraphSteps`` launches a graph."""

    def __init__(self, gradient, sum, update):
        self.gradient, self.sum, self.update = gradient, sum, update

    def __call__(self):
        self.gradient()
        self.sum()
        self.update()

    def launch(self, stream):
        self()
