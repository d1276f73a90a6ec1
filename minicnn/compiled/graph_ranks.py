"""A step of several GPUs: a graph up to the gradient, the sum over the ranks, and a graph for the update."""

from functools import partial

import numpy as np

from minicnn.backend import kernels
from minicnn.compiled.cuda import CudaForm
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
        xp, data, optimizer, dtype = self.backend.xp, self.data, self.optimizer, self.network.dtype
        vector, rates, own_rates = self.network.vector, None, []
        form = CudaForm(self.backend, dtype, vector.grads)
        batch = data.images, data.labels, data.order, data.position
        program = Program(self.network, form, self.most, *batch, self.loss, vector.grads, data.scale)
        if type(optimizer) is StochasticDiagonalLM:
            self.curvature, rates = xp.ones(vector.values.shape, dtype), xp.zeros(vector.values.shape, dtype)
            own_rates = [partial(xp.divide, data.settings[:1], self.curvature, out=rates)]
        arrays = vector.values, vector.grads, optimizer.velocity[0], rates, data.settings
        following = (form.blocks, len(form.blocks), data.results, data.step, len(data.results), data.positions,
                     data.rates, data.scales, data.position, data.settings, data.scale)  # fmt: skip
        gradient = form.sequence([*program.sections[0], form.gradient_sums()])
        update = form.sequence([
            *own_rates,
            *form.prepare("sgd", *arrays, optimizer.nesterov),
            kernels.bind(xp, "next_step.cu", "next_step", dtype.name, (1,), (1,), following),
        ])  # fmt: skip
        return Halves(gradient, partial(self.communicator.sum, vector.grads), update)

    def _captured(self):
        halves = self.launches
        graphs = []
        for half in (halves.gradient, halves.update):
            self.launches = half
            graphs.append(super()._captured())
        self.launches = halves
        if None in graphs:
            return None
        gradient, update = (partial(graph.launch, self.stream) for graph in graphs)
        return Halves(gradient, halves.sum, update)


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
