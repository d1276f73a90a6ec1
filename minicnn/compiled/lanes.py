"""A batch in parts: who computes which part, and how the parts come together.

A batch is cut into parts of ``samples`` images. Part p is computed in lane p modulo the number of lanes; a lane adds
up the gradients of its parts in a vector of its own, and then the lanes' vectors are added in pairs. Neither depends on
how many threads there are, so equal seeds give equal bits. With T threads, each takes every T-th lane; the lanes of a
thread share their arrays, which so stay in its core's cache.

With R ranks, each takes every R-th lane, and then the ranks' sums are added. Where R is a power of two, there are no
more ranks than parts of the usual size, and the communicator adds neighbours in pairs, then those pairs' sums and so
on, a single process makes the very same additions. Of two ranks that is true however they are added.

Where a layer, a criterion or a preprocessing is not the compiler's, each part has a lane with arrays of its own, and
the parts come together before it: it sees the whole batch at once, on every rank.
"""

import math
import os

import numpy as np

from minicnn import losses
from minicnn.compiled.primitives import NOBODY
from minicnn.compiled.program import Program, needs_whole_batch

MOST_LANES = 32
"""So many vectors of gradients at most, however large a batch is; and threads, however many are asked for."""


def lane_count(parts, ranks):
    """How many lanes all ranks have for so many parts: as many for each rank, and none that would be empty."""
    return min(parts, ranks * -(-MOST_LANES // ranks))


def first_lane(communicator):
    """The lane that a rank's lanes begin with, each of the others R after the one before.

    Of 2, 4, 8, ... ranks it is the rank's number with its bits from right to left: neighbours then have lanes that are
    R / 2 apart, the first of a single process to be added.
    """
    rank, size = communicator.rank, communicator.size
    bits = size.bit_length() - 1
    return int(format(rank, f"0{bits}b")[::-1], 2) if size == 1 << bits and size > 1 else rank


class Lanes:
    """``run(indices)`` takes the samples at these indices of the data through the network and, with a loss, back.

    network: a Sequential; new_form: makes a form; images, labels: of the data; samples: of a part; most: samples of the
    largest batch; team: the Team of threads, of which at most ``threads`` are used; communicator: of the ranks that
    share the batches; loss: None for prediction.
    """

    def __init__(self, network, new_form, images, labels, samples, most, team, threads, communicator, loss=None):
        self.network, self.loss, self.samples, self.team = network, loss, samples, team
        self.communicator = communicator
        self.backend, self.xp = network.backend, network.backend.xp
        self.images, self.labels = self.backend.asarray(images), self.backend.asarray(labels)
        self.order, self.scale = self.xp.zeros(most, np.int64), self.xp.ones(1, network.dtype)
        whole = needs_whole_batch(network, loss, images)
        parts = math.ceil(most / samples)
        count = parts if whole else lane_count(parts, communicator.size)
        own = range(first_lane(communicator), count, communicator.size)
        self.threads = min(threads, len(own), MOST_LANES)
        self.vectors = self._vectors(len(own))
        forms = [new_form() for _ in range(len(own) if whole else self.threads)]
        self.lanes = []
        for i, number in enumerate(own):
            self.lanes.append(Lane(self, number, count, forms[i % len(forms)].again(), self.vectors[i]))
            if i == 0 and whole:
                _check_memory(len(own) * sum(a.nbytes for a in forms[0].made), most)
        self.joins = self.lanes[0].program.joins
        self.sums = {}

    def _vectors(self, count):
        """A gradient for each lane of this rank; a single lane's is the network's own."""
        if self.loss is None:
            return [None] * count
        grads = self.network.vector.grads
        return grads[None] if count == 1 else self.xp.zeros((count, grads.size), grads.dtype)

    def output_shape(self):
        """The network's outputs for one sample."""
        return self.lanes[0].program.output.shape[:-1]

    def run(self, indices, outputs=None):
        """-> (summed loss, wrong labels); outputs: an array ``(outputs, samples)`` to be filled."""
        count = len(indices)
        self.order[:count] = self.backend.asarray(indices)
        self.scale[0] = 1 / count if self._is_mean() else 1
        parts = math.ceil(count / self.samples)
        lanes = [lane for lane in self.lanes if lane.number < parts]
        for lane in lanes:
            lane.start(count, outputs)
        if self.joins:
            self._run_together(lanes, self.order[:count])
        else:
            self._in_threads(lanes, Lane.run)
        results = np.zeros((parts, 2))
        for lane in lanes:
            results[lane.number] = lane.loss, lane.errors
        if self.loss is not None:
            self._add_gradients(lanes)
            self.communicator.sum(self.network.vector.grads)
        self.communicator.sum(results)
        losses, errors = results.T.tolist()
        return sum(losses), int(sum(errors))

    def _in_threads(self, lanes, work, *arguments):
        """``work(lane)`` of all lanes, each thread its own."""

        def share(thread):
            for lane in lanes[thread :: self.threads]:
                work(lane, *arguments)

        self.team.run(share, max(1, min(self.threads, len(lanes))))

    def _add_gradients(self, lanes):
        count = len(lanes)
        if not count:  # the epoch's last batch may be too small for all ranks
            self.network.vector.grads.fill(0)
        if not count or len(self.lanes) == 1:
            return
        if count not in self.sums:
            form = lanes[0].program.form
            sum_of = form.prepare("gradient_sum", self.vectors[:count], self.network.vector.grads)
            self.sums[count] = form.sequence(sum_of)
        self.sums[count]()

    # ------------------------------------------------------------------- where the whole batch comes together

    def _run_together(self, lanes, indices):
        self._in_threads(lanes, Lane.clear)
        self._in_threads(lanes, Lane.section, 0)
        for number, (kind, layer) in enumerate(self.joins):
            whole = getattr(self, f"_{kind}")(layer, lanes, number, indices)
            for lane in lanes:
                lane.enter(number, whole)
            self._in_threads(lanes, Lane.section, number + 1)
        for lane in lanes:
            lane.finish()

    def _whole(self, lanes, number, count):
        """What all parts have to say, those of other ranks too, as one array."""
        one = self.lanes[0].program.exits[number]
        whole = self.xp.zeros((*one.shape[:-1], count), one.dtype)
        for lane in lanes:
            whole[..., lane.batch] = lane.leave(number)
        self.communicator.sum(whole)
        return whole

    def _preprocess(self, layer, lanes, number, indices):
        for lane in lanes:
            lane.take_labels(self.labels[indices])
        images = self.images[indices] if self.images.ndim == 3 else self.images[..., indices]
        return self.network.input(self.backend.to_numpy(images))  # whoever preprocesses gets NumPy's

    def _forward(self, layer, lanes, number, indices):
        return layer.forward(self._whole(lanes, number, len(indices)))

    def _backward(self, layer, lanes, number, indices):
        dx = layer.backward(self._whole(lanes, number, len(indices)))
        for lane in lanes[:1]:  # written for the whole batch: one lane's share of the sum
            for p in layer.parameters():
                lane.program.gradient_of(p)[...] = p.grad if lane.number == 0 else 0
        return dx

    def _loss(self, loss, lanes, number, indices):
        outputs, labels = self._whole(lanes, number, len(indices)), self.labels[indices]
        value = float(loss.forward(outputs, labels))
        if self.communicator.rank == 0:
            lanes[0].result[0] = value * len(labels) if self._is_mean() else value
            lanes[0].result[1] = (self.network.decide(outputs) != labels).sum()
        return loss.backward()

    def _is_mean(self):
        return losses.reduction(self.loss) == "mean"


def _check_memory(needed, batch_size):
    """MemoryError where the arrays of all parts of a batch do not fit; the system would hand them out and then fail."""
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise MemoryError(
            f"batch_size {batch_size:,} needs {needed / 2**30:,.1f} GiB where a layer, criterion or preprocessing sees "
            f"the whole batch at once; this machine has {there / 2**30:,.1f} GiB"
        )


class Lane:
    """A program with the arrays that say which part of which batch it is at."""

    def __init__(self, lanes, number, count, form, gradient):
        self.number, self.step, self.samples, self.gradient = number, count, lanes.samples, gradient
        self.position, self.result = lanes.xp.zeros(2, np.int64), lanes.xp.zeros(2)
        data = lanes.images, lanes.labels, lanes.order, self.position
        self.program = Program(lanes.network, form, self.samples, *data, lanes.loss, gradient, lanes.scale, self.result)

    def start(self, count, outputs):
        """The first of this lane's parts of a batch of ``count``."""
        self.count, self.outputs, self.loss, self.errors = count, outputs, 0.0, 0
        self._place(self.number)

    def run(self):
        """All parts of this lane, from beginning to end."""
        self.clear()
        for part in range(self.number, math.ceil(self.count / self.samples), self.step):
            self._place(part)
            self.section(0)
            self.finish()

    def clear(self):
        if self.gradient is not None:
            self.gradient.fill(0)

    def _place(self, part):
        start = part * self.samples
        size = min(self.samples, self.count - start)
        self.position[0], self.position[1] = start, size
        self.batch, self.own = slice(start, start + size), slice(size)

    def section(self, number):
        self.program.sections[number]()

    def finish(self):
        """Keep what the part has come to."""
        self.loss += float(self.result[0])
        self.errors += int(self.result[1])
        if self.outputs is not None:
            self.outputs[..., self.batch] = self.program.output[..., self.own]

    def leave(self, join):
        """This part of what the whole batch brings to a join."""
        return self.program.exits[join][..., self.own]

    def enter(self, join, whole):
        """This part of what a join returns for the whole batch; what only fills the part up gets zeros."""
        array = self.program.entries[join]
        array[..., self.own] = whole[..., self.batch]
        array[..., self.own.stop :] = 0

    def take_labels(self, labels):
        """The labels of this part, where no primitive gathers them."""
        self.program.labels[self.own], self.program.labels[self.own.stop :] = labels[self.batch], NOBODY
