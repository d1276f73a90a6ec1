"""Stochastic gradient descent on the whole parameter vector, and the sum of a batch's parts before it.

    gradient_sum    gradient = parts[0] + parts[1] + ...,   added in pairs, always the same: equal seeds give equal bits
    sgd             g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v
                    (Nesterov: rate · (g + momentum · v))
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import compiled, full_speed, helper

BLOCK = 1024
"""Parameters whose rows stay in the first cache while they are added."""


@helper
def add_lanes(lanes, used, gradient, begin, end):
    """gradient[begin:end] = the sum of the first ``used`` rows of lanes (rows, P) there, which are used up.

    As in a knock-out tournament: of 2h rows or fewer, row h is added to row 0, row h + 1 to row 1 and so on, which
    leaves h, a power of two. So every second row, and the others, are sums that two processes can make apart, the same
    bits; every fourth row is one for four of them.

    begin should be an np.int64, not a 0 in the text: Numba would compile all of this once more for that number.
    """
    full_speed()
    for start in range(begin, end, BLOCK):
        out = gradient[start : min(start + BLOCK, end)]
        half, rows = 1, used
        while 2 * half < rows:
            half *= 2
        while rows > 1:
            for lane in range(rows - half):
                sums, terms = lanes[lane, start:], lanes[lane + half, start:]
                for i in range(len(out)):
                    sums[i] += terms[i]
            half, rows = half // 2, half
        total = lanes[0, start:]
        for i in range(len(out)):
            out[i] = total[i] if used else 0


@functools.cache
def gradient_sum(real):
    """kernel(parts, sums, gradient): parts (rows, P), sums like it to add in, gradient (P,)."""

    @compiled
    def kernel(parts, sums, gradient):
        sums[...] = parts
        add_lanes(sums, len(parts), gradient, np.int64(0), len(gradient))

    return kernel


@functools.cache
def sgd(real, has_rates, has_momentum, nesterov):
    """kernel(w, gradient, v, rates, settings): settings = (lr, momentum, weight_decay); rates (P,) if it has them.

    Product and sum are rounded one after the other, as NumPy does it: the same bits as ``optimizer.step()``.
    """

    @functools.partial(compiled, fastmath=False)
    def kernel(w, gradient, v, rates, settings):
        full_speed()
        lr, momentum, weight_decay = settings[0], settings[1], settings[2]
        for p in range(len(w)):
            g = gradient[p] + weight_decay * w[p]
            if has_momentum:
                velocity = momentum * v[p] + g
                v[p] = velocity
                g = g + momentum * velocity if nesterov else velocity
            w[p] -= (rates[p] if has_rates else lr) * g

    return kernel
