"""Step after step without a word of Python in between: what each of the threads that share the batches does.

    for every batch:
        each thread     for its lanes:  for the lane's parts:  the kernels of ``section``, forwards and backwards;
                        the lane's gradient and loss
        all threads     wait for each other
        each thread     for its parameters:  gradient = the sum of the lanes'; that of fully connected layers (``ends``)
        one thread      where several processes share the batch:  gradient = the sum of theirs (``meet``)
        each thread     for its parameters:  the optimizer's step
        all threads     wait for each other

Which part is in which lane, and the pairs in which lanes are added, do not depend on the number of threads: equal seeds
give equal bits. ``section``, ``ends`` and ``update`` are the kernels of a network and of its optimizer, which
``minicnn.compiled.loops`` puts in.
"""

import math

from minicnn.kernels.cpu.barrier import put, wait
from minicnn.kernels.cpu.callback import call
from minicnn.kernels.cpu.jit import full_width
from minicnn.kernels.cpu.sgd import add_lanes


def section(addresses):
    """The kernels that take one part of a batch through the network and back."""


def ends(used, filled, addresses):
    """The kernels that make gradients of what the parts have kept."""


def update(values, gradient, velocities, rates, settings):
    """The optimizer's step for a stretch of the parameters."""


def once(addresses):
    """The kernels of a section, by themselves."""
    full_width()
    section(addresses)


def predict(thread, threads, samples, every, position, said, addresses):
    """What the network says of every image: the columns of every (outputs, N), from said (outputs, samples)."""
    full_width()
    count = every.shape[1]
    for part in range(thread, -(-count // samples), threads):
        start = part * samples
        size = min(samples, count - start)
        position[0], position[1] = start, size
        section(addresses)
        for i in range(len(every)):
            for n in range(size):
                every[i, start + n] = said[i, n]


def epoch(thread, threads, ranks, first, last, mean, batches, own, lanes, parameters, barrier, addresses, late):
    """Batches first to last - 1 -> the batch it ended before: a loss that is not finite ends it, without a step.

    ranks: (the first lane of this process, one of those that share the batches, how many they are, ``meet``: the
    address of a function that adds up what they have, all of gradient and results, or 0 where this is the only one).
    mean: whether the loss is a mean over the batch. batches: (where each begins in the order of samples, its size, its
    learning rate, its loss, its errors), the last two to be filled. own, of this thread: (position, scale, result,
    gradient, settings, added, updated), the last two (begin, end) of the parameters it adds up and of all it updates.
    lanes: (samples of a part, how many lanes all processes have, gradients (lanes of this one, P), results (all lanes,
    2), how many parts each of this one's lanes has had, (begin, end) of the parameters that have gradients a lane).
    parameters: (values, gradient, velocities, rates), vectors of P. addresses, late: of the arrays of ``section`` and
    ``ends``.
    """
    full_width()
    starts, sizes, learning_rates, losses, errors = batches
    position, scale, result, mine, settings, added, updated = own
    samples, most, gradients, results, filled, stretches = lanes
    own_first, processes, meet = ranks
    values, gradient, velocities, rates = parameters
    for step in range(first, last):
        count = sizes[step]
        parts = -(-count // samples)
        used = min(parts, most)
        if mean:
            scale[0] = 1 / count
        for lane in range(own_first + processes * thread, used, processes * threads):
            row = lane // processes
            for s in range(len(stretches)):
                for p in range(stretches[s, 0], stretches[s, 1]):
                    mine[p] = 0
            loss, wrong = 0.0, 0.0
            filled[row] = 0
            for part in range(lane, parts, most):
                position[0] = starts[step] + part * samples
                position[1] = min(samples, count - part * samples)
                position[2], position[3] = row, filled[row]
                section(addresses)
                filled[row] += 1
                loss += result[0]
                wrong += result[1]
            for s in range(len(stretches)):
                for p in range(stretches[s, 0], stretches[s, 1]):
                    gradients[row, p] = mine[p]
            results[lane, 0], results[lane, 1] = loss, wrong
        if not wait(barrier, threads):
            return step
        here = max(0, used - own_first + processes - 1) // processes
        for s in range(len(added)):
            add_lanes(gradients, here, gradient, added[s, 0], added[s, 1])
        ends(here, filled, late)
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
        for s in range(len(updated)):
            begin, end = updated[s, 0], updated[s, 1]
            update(values[begin:end], gradient[begin:end], velocities[begin:end], rates[begin:end], settings)
        if not wait(barrier, threads):
            return step
    return last
