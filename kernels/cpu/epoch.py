"""Step after step without a word of Python in between: what each of the threads that share the batches does.

    for every batch:
        each thread     for its lanes:  for the lane's parts:  the kernels of ``section``, forwards and backwards;
                        the lane's gradient and loss
        all threads     wait for each other
        each thread     its stretch of the parameters:  gradient = the sum of the lanes'
        one thread      where several processes share the batch:  gradient = the sum of theirs (``meet``)
        each thread     its stretch of the parameters:  the optimizer's step
        all threads     wait for each other

Which part is in which lane, and the pairs in which lanes are added, do not depend on the number of threads: equal seeds
give equal bits. ``section`` and ``update`` are the kernels of a network and of its optimizer, which
``minicnn.compiled.loops`` puts in.
"""

import math

from minicnn.kernels.cpu.barrier import put, wait
from minicnn.kernels.cpu.callback import call
from minicnn.kernels.cpu.jit import full_width
from minicnn.kernels.cpu.sgd import add_lanes

STRETCH = 64
"""Stretches of the parameters begin at multiples of this, so that the same vector instruction meets the same ones."""


def section(arrays):
    """The kernels that take one part of a batch through the network and back."""


def update(values, gradient, velocities, rates, settings):
    """The optimizer's step for a stretch of the parameters."""


def once(arrays):
    """The kernels of a section, by themselves."""
    section(arrays)


def predict(thread, threads, samples, every, position, said, arrays):
    """What the network says of every image: the columns of every (outputs, N), from said (outputs, samples)."""
    count = every.shape[1]
    for part in range(thread, -(-count // samples), threads):
        start = part * samples
        size = min(samples, count - start)
        position[0], position[1] = start, size
        section(arrays)
        for i in range(len(every)):
            for n in range(size):
                every[i, start + n] = said[i, n]


def epoch(thread, threads, ranks, first, last, mean, batches, own, lanes, parameters, barrier, arrays):
    """Batches first to last - 1 -> the batch it ended before: a loss that is not finite ends it, without a step.

    ranks: (the first lane of this process, one of those that share the batches, how many they are, ``meet``: the
    address of a function that adds up what they have, all of gradient and results, or 0 where this is the only one).
    mean: whether the loss is a mean over the batch. batches: (where each begins in the order of samples, its size, its
    learning rate, its loss, its errors), the last two to be filled. own, of this thread: (position, scale, result,
    gradient, settings). lanes: (samples of a part, how many lanes all processes have, gradients (lanes of this one, P),
    results (all lanes, 2)). parameters: (values, gradient, velocities, rates), vectors of P.
    """
    full_width()
    starts, sizes, learning_rates, losses, errors = batches
    position, scale, result, mine, settings = own
    samples, most, gradients, results = lanes
    own_first, processes, meet = ranks
    values, gradient, velocities, rates = parameters
    share = -(-len(values) // (threads * STRETCH)) * STRETCH
    begin, end = min(thread * share, len(values)), min((thread + 1) * share, len(values))
    for step in range(first, last):
        count = sizes[step]
        parts = -(-count // samples)
        used = min(parts, most)
        if mean:
            scale[0] = 1 / count
        for lane in range(own_first + processes * thread, used, processes * threads):
            for p in range(len(mine)):
                mine[p] = 0
            loss, wrong = 0.0, 0.0
            for part in range(lane, parts, most):
                position[0] = starts[step] + part * samples
                position[1] = min(samples, count - part * samples)
                section(arrays)
                loss += result[0]
                wrong += result[1]
            row = gradients[lane // processes]
            for p in range(len(mine)):
                row[p] = mine[p]
            results[lane, 0], results[lane, 1] = loss, wrong
        if not wait(barrier, threads):
            return step
        add_lanes(gradients, max(0, used - own_first + processes - 1) // processes, gradient, begin, end)
        if meet != 0:
            if not wait(barrier, threads):
                return step
            if thread == 0 and call(meet) == 0:
                put(barrier, 2, 1)
            if not wait(barrier, threads):
                return step
        loss, wrong = 0.0, 0.0
        for lane in range(used):
            loss += results[lane, 0]
            wrong += results[lane, 1]
        if thread == 0:
            losses[step], errors[step] = loss, wrong
        if not math.isfinite(loss):
            return step + 1
        settings[0] = learning_rates[step]
        update(values[begin:end], gradient[begin:end], velocities[begin:end], rates[begin:end], settings)
        if not wait(barrier, threads):
            return step
    return last
