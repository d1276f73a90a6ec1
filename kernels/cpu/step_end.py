"""The gradient of a fully connected layer's weights, for all parts of a batch at once, at the end of a step.

    keep              what a part's share of it is made of:  kept_d = d,  kept_x = x^T
    dense_gradient    dW = the sum of the lanes' sums of their parts' d x^T,  db = likewise of d's columns

What makes it fast. Such a layer has most of a network's weights and few products with each: a part's gradient is larger
than the numbers it is made of. So these are kept, and a row of the gradient at a time is summed up and added, where the
first cache holds it, instead of all of it for every part. Lanes are added as in ``sgd.py``: the bits do not depend on
who does which rows.
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import IN_ORDER, compiled, full_speed
from minicnn.kernels.cpu.product import MOST_TERMS, largest_divisor
from minicnn.kernels.cpu.sgd import add_lanes


@functools.cache
def keep(real, samples):
    """kernel(d, x, place, kept_d, kept_x): d (M·N,), x (K·N,); kept_d (lanes, parts, M·N), kept_x (lanes, parts, N·K).

    place[2] is the part's lane, place[3] which of the lane's parts it is.
    """

    @compiled
    def kernel(d, x, place, kept_d, kept_x):
        full_speed()
        errors, seen = kept_d[place[2], place[3]], kept_x[place[2], place[3]]
        features = len(x) // samples
        for i in range(len(d)):
            errors[i] = d[i]
        for k in range(features):
            for n in range(samples):
                seen[n * features + k] = x[k * samples + n]

    return kernel


@functools.cache
def dense_gradient(real, samples):
    """kernel(used, filled, rows, kept_d, kept_x, sums, totals, dweights, dbias): rows first to last - 1, (first, last)
    = rows, of dweights (M·K,) and dbias (M,).

    used: how many lanes have parts, filled[lane] of them; sums (lanes, 2 K), totals (lanes, M): workspace.
    """
    step, zero = largest_divisor(samples, MOST_TERMS), real(0)

    @functools.partial(compiled, fastmath=IN_ORDER)
    def kernel(used, filled, rows, kept_d, kept_x, sums, totals, dweights, dbias):
        full_speed()
        first, last, features = rows[0], rows[1], kept_x.shape[2] // samples
        for o in range(first, last, 2):
            below = min(o + 1, last - 1)  # the last of an odd number twice
            for lane in range(used):
                s, t = sums[lane, :features], sums[lane, features:]
                for k in range(features):
                    s[k] = t[k] = zero
                for part in range(filled[lane]):
                    for n in range(0, samples, step):
                        e, f = kept_d[lane, part, o * samples + n :], kept_d[lane, part, below * samples + n :]
                        x = kept_x[lane, part, n * features :]
                        for k in range(features):
                            a, b = s[k], t[k]
                            for i in range(step):
                                a += e[i] * x[i * features + k]
                                b += f[i] * x[i * features + k]
                            s[k], t[k] = a, b
            both = dweights[o * features : (below + 1) * features]
            add_lanes(sums, used, both, np.int64(0), len(both))
        for lane in range(used):
            for o in range(first, last):
                total = zero
                for part in range(filled[lane]):
                    for n in range(samples):
                        total += kept_d[lane, part, o * samples + n]
                totals[lane, o] = total
        add_lanes(totals, used, dbias, first, last)

    return kernel
