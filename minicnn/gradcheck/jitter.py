"""Other parameters and other inputs, near those that were given."""

from contextlib import contextmanager

import numpy as np

JITTER = 0.15, 0.45
"""Each parameter is changed by a fraction of its size between these two, up or down."""


def jittered(subject, rng):
    """Other values for all parameters, each element changed by JITTER of its size, and with what is 0 no longer 0."""
    return [_jittered(subject.host(p.value), rng) for _, p in subject.parameters]


def _jittered(value, rng):
    small, large = JITTER
    change = rng.choice([-1, 1], value.shape) * rng.uniform(small, large, value.shape)
    fan_in = max(1, value.size // value.shape[0]) if value.ndim > 1 else 1
    size = np.sqrt(np.mean(value**2)) if value.any() else fan_in**-0.5
    return np.where(value == 0, change * size, value * (1 + change))


def another(here, rng):
    """Other Inputs of the same shapes, or None: each sample mixed with the next one, integers rolled on.

    Mixtures stay where the samples are: between the limits of whatever forward can take.
    """
    subject, arrays, changed = here.subject, [], False
    share = rng.uniform(0.2, 0.4)
    for array, real in zip(here.inputs.arrays, here.inputs.real):
        old = subject.host(array)
        new = np.roll(old, 1, axis=-1) if old.ndim else old
        if real:
            new = (1 - share) * old + share * new
            if np.allclose(new, old):  # one sample, or equal ones
                new = old * rng.uniform(0.7, 1, old.shape)
        arrays.append(subject.backend.asarray(new.copy()))
        changed = changed or not np.array_equal(new, old)
    return here.inputs.with_arrays(arrays) if changed else None


@contextmanager
def with_values(subject, values):
    """The parameters with other values for a while."""
    kept = [p.value.copy() for _, p in subject.parameters]
    for (_, p), value in zip(subject.parameters, values or ()):
        p.value[...] = subject.backend.asarray(value)
    try:
        yield
    finally:
        for (_, p), value in zip(subject.parameters, kept):
            p.value[...] = value
