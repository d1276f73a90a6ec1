"""One step's gradient: forward, loss, backward."""

from contextlib import ExitStack

import numpy as np
from threadpoolctl import threadpool_limits

from minicnn.data import Dataset


class GradientStep:
    """``step(indices) -> (loss, errors)``: the gradient of those samples' loss, left in the network.

    loss is summed over the samples, errors counts wrong labels. A context manager: inside the block the
    network reuses its buffers and its first layer computes no input gradient. BLAS runs on one thread, since
    LeNet-5's products are too small to share (``minicnn.training.workers`` uses more cores).

    A batch larger than the backend's ``step_samples`` goes through the layers in parts, whose gradients add up:
    the feature maps of a part stay in the processor's cache from layer to layer.
    """

    def __init__(self, network, loss, dataset):
        self.network, self.loss, self.dataset = network, loss.to(network.backend), dataset

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(threadpool_limits(1, user_api="blas"))
            stack.enter_context(np.errstate(over="ignore", invalid="ignore"))  # the loop looks at the loss itself
            self.workspace = stack.enter_context(self.network.backend.reuse_buffers())
            self.network.needs_input_gradient = False
            stack.callback(setattr, self.network, "needs_input_gradient", True)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._cleanup.__exit__(*(error or (None, None, None)))

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        self.dataset = Dataset(images, self.dataset.labels)

    def __call__(self, indices, batch_size=None):
        """batch_size: of the batch that ``indices`` is only a part of; the loss is a mean over all of it."""
        batch_size = batch_size or len(indices)
        parts = cache_sized(indices, self.network.backend.step_samples)
        loss, errors = self._one_part(parts[0], batch_size)
        if len(parts) > 1:
            gradient = self.network.vector.grads.copy()
            for part in parts[1:]:
                part_loss, part_errors = self._one_part(part, batch_size)
                loss, errors = loss + part_loss, errors + part_errors
                gradient += self.network.vector.grads
            self.network.vector.grads[...] = gradient
        return loss, errors

    def _one_part(self, indices, batch_size):
        self.workspace.rewind()
        x = self.network.input(self.dataset.images[indices])
        labels = self.dataset.labels[indices]
        outputs = self.network.forward(x)
        loss = self.loss.forward(outputs, labels)
        self.network.backward(self.loss.backward(batch_size))
        predicted = self.network.backend.to_numpy(self.network.decide(outputs))
        return self.loss.total(loss, len(labels)), int(np.count_nonzero(predicted != labels))


def cache_sized(indices, samples):
    """``indices`` in as few equal parts as have at most ``samples`` each (None: one part)."""
    if samples is None or len(indices) <= samples:
        return [indices]
    return np.array_split(indices, -(-len(indices) // samples))
