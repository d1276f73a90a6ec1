"""Stochastic gradient descent on the whole parameter vector, and the sum of a batch's parts before it.

    gradient_sum    gradient = parts[0] + parts[1] + ...,   always in this order: equal seeds give equal bits
    sgd             g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v
                    (Nesterov: rate · (g + momentum · v))
"""

import functools

from minicnn.kernels.cpu.jit import compiled, full_width, helper

BLOCK = 2048
"""Parameters whose sum stays in the first cache while lane after lane is added."""


@helper
def add_lanes(lanes, used, gradient, begin, end):
    """gradient[begin:end] = the sum of the first ``used`` rows of lanes (rows, P) there."""
    full_width()
    for start in range(begin, end, BLOCK):
        out = gradient[start : min(start + BLOCK, end)]
        for lane in range(used):
            terms = lanes[lane, start:]
            if lane == 0:
                for i in range(len(out)):
                    out[i] = terms[i]
            else:
                for i in range(len(out)):
                    out[i] += terms[i]


@functools.cache
def gradient_sum(real):
    """kernel(parts, gradient): parts (rows, P), gradient (P,)."""

    @compiled
    def kernel(parts, gradient):
        add_lanes(parts, len(parts), gradient, 0, len(gradient))

    return kernel


@functools.cache
def sgd(real, has_rates, has_momentum, nesterov):
    """kernel(w, gradient, v, rates, settings): settings = (lr, momentum, weight_decay); rates (P,) if it has them.

    Product and sum are rounded one after the other, as NumPy does it: the same bits as ``optimizer.step()``.
    """

    @functools.partial(compiled, fastmath=False)
    def kernel(w, gradient, v, rates, settings):
        full_width()
        lr, momentum, weight_decay = settings[0], settings[1], settings[2]
        for p in range(len(w)):
            g = gradient[p] + weight_decay * w[p]
            if has_momentum:
                velocity = momentum * v[p] + g
                v[p] = velocity
                g = g + momentum * velocity if nesterov else velocity
            w[p] -= (rates[p] if has_rates else lr) * g

    return kernel
