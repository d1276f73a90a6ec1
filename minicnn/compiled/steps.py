"""Training step after training step."""

import contextlib
import math

import numpy as np

from minicnn import losses
from minicnn.compiled.blas import one_thread
from minicnn.compiled.epoch import Epoch
from minicnn.compiled.forms import compiles_loops, new_form, part_size
from minicnn.compiled.lanes import Lanes
from minicnn.compiled.program import needs_whole_batch
from minicnn.compiled.threads import Team, thread_count
from minicnn.optim import SGD, StochasticDiagonalLM
from minicnn.ranks import Communicator


def update_obstacle(network, optimizer):
    """Why the optimizer's step is no primitive, in words; None if it is one."""
    if type(optimizer) not in (SGD, StochasticDiagonalLM):
        return f"{type(optimizer).__name__} has no kernel"
    if "step" in vars(optimizer):
        return "the optimizer's step has been replaced"
    if network.vector is None or optimizer.stretches[0][0] is not network.vector.values:
        return "the optimizer does not train the whole network"
    return None


class Steps:
    """``epoch(batches, rates)`` trains on one batch after the other.

    network: a Sequential; loss, optimizer: whichever the compiler knows are compiled with it, others go by their own
    methods; dataset: what has ``images`` and ``labels``; batch_size: of the largest batch; threads: how many may share
    a batch on the CPU, by default all cores; the weights do not depend on it; communicator: of the ranks that share the
    batches, all of which call the same methods with the same batches.

    A context manager: threads end with the block. Raises ValueError for labels that the network has no output for, and
    MemoryError for a batch that is too large where a layer must see all of it at once.
    """

    def __init__(self, network, loss, optimizer, dataset, batch_size, threads=None, communicator=None):
        self.network, self.loss, self.optimizer = network, losses.on(loss, network.backend), optimizer
        self.images, self.labels = dataset.images, dataset.labels
        self.most = min(batch_size, len(dataset.labels))
        self.threads, self.communicator = thread_count(threads), communicator or Communicator()
        self.known = update_obstacle(network, optimizer) is None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.team = stack.enter_context(Team())
            stack.enter_context(one_thread())  # the parts share the cores, not the products
            self._build()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._cleanup.__exit__(*error)

    def _build(self):
        network, samples = self.network, part_size(self.network, self.most, self.communicator.size)
        data = self.images, self.labels, samples, self.most, self.team, self.threads, self.communicator
        together = needs_whole_batch(network, self.loss, self.images, drops=True)
        self.whole_epochs = compiles_loops(network) and self.known and not together
        if self.whole_epochs:
            self.runs = Epoch(network, self.loss, self.optimizer, *data)
        else:
            self.lanes = Lanes(network, lambda: new_form(network), *data, self.loss)
            self.update = self._compiled_update() if self.known else self.optimizer.step

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        if not (hasattr(images, "shape") and hasattr(images, "dtype")):
            raise TypeError(f"images must be an array, got {type(images).__name__}")
        if images.shape != self.images.shape or images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 {self.images.shape}, got {images.dtype} {images.shape}")
        self.images = images
        self._build()

    def epoch(self, batches, rates, stopped=lambda: False):
        """Train on the batches, index arrays, one learning rate each; yields (indices, lr, loss, errors) after each.

        loss is summed over the batch, errors counts wrong labels. No step is taken from a loss that is not finite, and
        none after ``stopped()``.
        """
        if self.whole_epochs:
            yield from self.runs.run(batches, rates, stopped)
            return
        for indices, lr in zip(batches, rates):
            if stopped():
                return
            self.optimizer.lr = lr
            loss, errors = self.lanes.run(indices)
            if math.isfinite(loss):
                self.update()
            yield indices, lr, loss, errors

    def _compiled_update(self):
        optimizer, vector, dtype = self.optimizer, self.network.vector, self.network.dtype
        settings = self.network.backend.asarray([0, optimizer.momentum, optimizer.weight_decay], dtype)
        rates = vector.values * 0 if type(optimizer) is StochasticDiagonalLM else None
        arrays = vector.values, vector.grads, optimizer.velocity[0], rates, settings
        form = new_form(self.network)
        sgd = form.sequence(form.prepare("sgd", *arrays, optimizer.nesterov))
        current = None

        def update():
            nonlocal current
            settings[0] = optimizer.lr
            if rates is not None and optimizer.rates()[0] is not current:
                current = optimizer.rates()[0]
                rates[...] = current
            sgd()

        return update
