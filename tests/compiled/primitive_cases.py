"""Arguments for every primitive: the same cases for the loops of the CPU, the CUDA kernels on the host and a GPU.

``cases()`` yields (name of the case, primitive, arguments(dtype) -> list). The first cases of a primitive are those
that once were wrong or look most like LeNet-5; the rest is drawn at random.
"""

import itertools
import math

import numpy as np

from minicnn.compiled.primitives import NOBODY, Connections, Window

SQUASH = (1.7159, 2 / 3)
TABLE = ((0, 1), (2,), (0, 1, 2), (1,), (2, 0))


class Draw:
    """Random arrays of one dtype."""

    def __init__(self, seed, dtype):
        self.rng, self.dtype = np.random.default_rng(seed), dtype

    def __call__(self, *shape):
        return self.rng.uniform(-1, 1, shape).astype(self.dtype)

    def labels(self, samples, classes, nobody=0):
        labels = self.rng.integers(0, classes, samples).astype(np.int32)
        labels[samples - nobody :] = NOBODY
        return labels


def convolution_arguments(draw, maps, channels, height, width, samples, window, table=None, bias=True):
    """What the three primitives of a convolution share."""
    table = table or [range(channels)] * maps
    connections = Connections(maps, channels, tuple((o, c) for o, row in enumerate(table) for c in row))
    x = draw(channels, height, width, samples)
    y = draw(maps, *window.outputs(height, width), samples)
    weights = draw(len(connections.pairs), *window.size)
    return x, weights, draw(maps) if bias else None, window, connections, y


CONVOLUTIONS = {
    "C1": dict(maps=6, channels=1, height=32, width=32, samples=16, window=Window((5, 5), (1, 1))),
    "C3": dict(maps=5, channels=3, height=14, width=14, samples=16, window=Window((5, 5), (1, 1)), table=TABLE),
    "one sample": dict(maps=5, channels=3, height=14, width=14, samples=1, window=Window((5, 5), (1, 1)), table=TABLE),
    "padding": dict(maps=6, channels=1, height=28, width=28, samples=8, window=Window((3, 3), (1, 1), (1, 1))),
    "one sample, padding": dict(
        maps=2, channels=2, height=6, width=5, samples=1, window=Window((3, 2), (1, 1), (2, 1))),
    "stride": dict(maps=3, channels=2, height=9, width=8, samples=4, window=Window((3, 2), (2, 3))),
    "stride and padding": dict(maps=2, channels=2, height=8, width=9, samples=5, window=Window((3, 4), (3, 2), (1, 2))),
    "padding beyond the kernel": dict(
        maps=2, channels=1, height=4, width=3, samples=3, window=Window((2, 2), (1, 1), (3, 2))),
    "rows left over": dict(maps=3, channels=1, height=8, width=7, samples=2, window=Window((3, 3), (2, 2))),
    "wide kernel": dict(maps=3, channels=1, height=9, width=12, samples=3, window=Window((2, 11), (1, 1))),
    "columns in pairs": dict(maps=3, channels=2, height=11, width=11, samples=16, window=Window((3, 2), (2, 3))),
    "kernel in passes": dict(maps=2, channels=2, height=12, width=12, samples=16, window=Window((9, 7), (1, 1))),
    "one pixel": dict(maps=3, channels=4, height=1, width=1, samples=7, window=Window((1, 1), (1, 1))),
    "a group for each map": dict(maps=3, channels=3, height=6, width=5, samples=4, table=((0,), (1,), (2,)),
                                 window=Window((3, 2), (1, 1), (1, 1))),
    "two groups": dict(maps=4, channels=6, height=5, width=6, samples=3, window=Window((3, 3), (2, 2), (1, 0)),
                       table=2 * ((0, 1, 2),) + 2 * ((3, 4, 5),)),
    "no bias": dict(maps=3, channels=2, height=5, width=5, samples=3, window=Window((2, 2), (1, 1)), bias=False),
}  # fmt: skip


def random_convolution(seed):
    rng = np.random.default_rng(seed)
    size, stride, padding = (tuple(int(n) for n in rng.integers(*ends, 2)) for ends in ((1, 5), (1, 4), (0, 3)))
    height, width = (int(k + rng.integers(0, 8)) for k in size)
    maps, channels = (int(n) for n in rng.integers(1, 6, 2))
    table = [sorted(rng.choice(channels, rng.integers(1, channels + 1), replace=False).tolist()) for _ in range(maps)]
    return dict(maps=maps, channels=channels, height=height, width=width, samples=int(rng.choice([1, 2, 3, 8, 16])),
                window=Window(size, stride, padding), table=table, bias=bool(rng.integers(2)))  # fmt: skip


CONVOLUTIONS |= {f"random {seed}": random_convolution(seed) for seed in range(8)}

DENSE = {  # units, features, samples
    "C5": (120, 400, 16), "F6": (84, 120, 16), "one sample": (84, 120, 1), "odd": (7, 13, 5), "few terms": (3, 2, 4),
    "one of each": (1, 1, 1), "one unit": (1, 9, 8),
}  # fmt: skip

POOLS = {  # channels, height, width, samples, window
    "tiles": (3, 6, 4, 16, Window((2, 2), (2, 2))), "a rest": (2, 7, 5, 3, Window((2, 2), (2, 2))),
    "overlapping": (2, 7, 8, 4, Window((3, 3), (2, 2))), "gaps": (2, 8, 9, 1, Window((2, 1), (3, 2))),
    "the whole map": (2, 3, 4, 2, Window((3, 4), (3, 4))),
}  # fmt: skip

FUNCTIONS = ("tanh", *SQUASH), ("tanh", 1.0, 1.0), ("sigmoid",), ("relu",), ("leaky_relu", 0.01), ("leaky_relu", 0.25)


def cases():
    for (name, how), squash in zip(CONVOLUTIONS.items(), itertools.cycle((SQUASH, None))):
        label = f"{name}{', squashed' * (squash is not None)}"
        yield label, "convolution", _convolution(how, squash)
        yield label, "convolution_input_gradient", _convolution_input_gradient(how, squash)
        yield name, "convolution_weight_gradient", _convolution_weight_gradient(how)
    for (name, sizes), squash in zip(DENSE.items(), itertools.cycle((SQUASH, None, SQUASH))):
        label = f"{name}{', squashed' * (squash is not None)}"
        yield label, "dense", _dense(sizes, squash)
        yield label, "dense_input_gradient", _dense_input_gradient(sizes, squash)
        yield name, "dense_weight_gradient", _dense_weight_gradient(sizes)
    for maps, height, width, samples, size in ((6, 14, 5, 16, (2, 2)), (3, 2, 3, 1, (2, 3)), (2, 1, 1, 5, (1, 1))):
        for squash in (None, SQUASH):
            label = f"{maps} maps of {height}x{width}, {samples} samples{', squashed' * (squash is not None)}"
            yield label, "subsampling", _subsampling(maps, height, width, samples, size, squash)
            yield label, "subsampling_backward", _subsampling_backward(maps, height, width, samples, size, squash)
    for name, (channels, height, width, samples, window) in POOLS.items():
        for primitive in ("max_pool", "max_pool_backward", "avg_pool", "avg_pool_backward"):
            yield name, primitive, _pool(primitive, channels, height, width, samples, window)
    for primitive in ("avg_pool", "avg_pool_backward"):  # as GlobalAvgPool2d
        yield "a large map", primitive, _pool(primitive, 3, 9, 11, 16, Window((9, 11), (9, 11)))
    for shape, squash in (((3, 4, 5, 16), SQUASH), ((7, 3), None), ((1, 1), SQUASH)):
        label = f"{shape}{', squashed' * (squash is not None)}"
        yield label, "dropout", _dropout(shape)
        yield label, "dropout_backward", _dropout_backward(shape, squash)
    for function in FUNCTIONS:
        for shape in ((2, 3, 4, 5), (7, 3), (1, 1)):
            yield f"{function} {shape}", "activation", _activation(function, shape)
            yield f"{function} {shape}", "activation_backward", _activation_backward(function, shape)
    for features, classes, samples in ((84, 10, 16), (84, 10, 1), (5, 3, 8), (1, 1, 2)):
        label = f"{features} features, {classes} classes, {samples} samples"
        yield label, "squared_distances", _squared_distances(features, classes, samples)
        for squash in (None, SQUASH):
            kind = f"{label}{', squashed' * (squash is not None)}"
            yield kind, "squared_distances_backward", _squared_distances_backward(features, classes, samples, squash)
        for squash, j, nobody in (
            (SQUASH, 2.0, 0), (None, None, samples // 2), (None, 2.0, samples // 2), (SQUASH, math.inf, 0),
        ):  # fmt: skip
            words = f"{label}{', squashed' * (squash is not None)}, j {j}, {nobody} do not count"
            yield words, "rbf_criterion", _rbf_criterion(features, classes, samples, squash, j, nobody)
        for nobody in (0, samples // 2):
            yield f"{label}, {nobody} do not count", "cross_entropy", _cross_entropy(classes, samples, nobody)
    for rows, size in ((1, 5), (3, 5000)):
        yield f"{rows} rows of {size}", "gradient_sum", _gradient_sum(rows, size)
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        for has_rates in (False, True):
            label = f"momentum {momentum}{', Nesterov' * nesterov}{', rates' * has_rates}"
            yield label, "sgd", _sgd(momentum, nesterov, has_rates)
    for samples, count in ((16, 16), (16, 5), (1, 1)):
        yield f"{count} of {samples}", "gather", _gather(samples, count)


def _convolution(how, squash):
    def arguments(draw):
        x, weights, bias, window, connections, y = convolution_arguments(draw, **how)
        return [x, weights, bias, window, connections, squash, y]

    return arguments


def _convolution_input_gradient(how, squash):
    def arguments(draw):
        x, weights, _, window, connections, d = convolution_arguments(draw, **how)
        return [d, weights, x, window, connections, squash, draw(*x.shape)]

    return arguments


def _convolution_weight_gradient(how):
    def arguments(draw):
        x, weights, bias, window, connections, d = convolution_arguments(draw, **how)
        return [d, x, window, connections, draw(*weights.shape), bias]

    return arguments


def _dense(sizes, squash):
    units, features, samples = sizes
    return lambda draw: [draw(features, samples), draw(units, features), draw(units), squash, draw(units, samples)]


def _dense_input_gradient(sizes, squash):
    units, features, samples = sizes
    return lambda draw: [
        draw(units, samples), draw(units, features), draw(features, samples), squash, draw(features, samples),
    ]  # fmt: skip


def _dense_weight_gradient(sizes):
    units, features, samples = sizes
    return lambda draw: [draw(units, samples), draw(features, samples), draw(units, features), draw(units)]


def _subsampling(maps, height, width, samples, size, squash):
    x = maps, height * size[0], width * size[1], samples
    window = Window(size, size)
    return lambda draw: [draw(*x), draw(maps), draw(maps), window, squash, draw(maps, height, width, samples)]


def _subsampling_backward(maps, height, width, samples, size, squash):
    x = maps, height * size[0], width * size[1], samples
    window = Window(size, size)
    return lambda draw: [
        draw(maps, height, width, samples), draw(*x), draw(maps), window, squash, draw(*x), draw(maps), draw(maps),
    ]  # fmt: skip


def _pool(primitive, channels, height, width, samples, window):
    y = channels, *window.outputs(height, width), samples

    def arguments(draw):
        x, area = draw(channels, height, width, samples), window.size[0] * window.size[1]
        winner = draw.rng.integers(0, area, y).astype(np.int32)
        if primitive == "max_pool":
            x[draw.rng.uniform(size=x.shape) < 0.1] = np.nan
            x[draw.rng.uniform(size=x.shape) < 0.3] = 0.5  # ties
        return {
            "max_pool": [x, window, draw(*y), winner], "max_pool_backward": [draw(*y), winner, window, x],
            "avg_pool": [x, window, draw(*y)], "avg_pool_backward": [draw(*y), window, x],
        }[primitive]  # fmt: skip

    return arguments


def _dropout(shape):
    return lambda draw: [draw(*shape), *_masks(draw, shape), draw(*shape)]


def _dropout_backward(shape, squash):
    return lambda draw: [draw(*shape), *_masks(draw, shape), draw(*shape), squash, draw(*shape)]


def _masks(draw, shape):
    kept = draw.rng.integers(0, 2, (math.prod(shape[:-1]), shape[-1] + 9)).astype(np.uint8)
    return kept, np.array([12, shape[-1]]), np.array([7]), 0.3


def _activation(function, shape):
    return lambda draw: [5 * draw(*shape), function, draw(*shape)]


def _activation_backward(function, shape):
    return lambda draw: [draw(*shape), draw(*shape), function, draw(*shape)]


def _squared_distances(features, classes, samples):
    return lambda draw: [draw(features, samples), np.sign(draw(classes, features)), draw(classes, samples)]


def _squared_distances_backward(features, classes, samples, squash):
    return lambda draw: [
        draw(classes, samples), draw(features, samples), np.sign(draw(classes, features)), squash,
        draw(features, samples),
    ]  # fmt: skip


def _rbf_criterion(features, classes, samples, squash, j, nobody):
    return lambda draw: [
        draw(features, samples), np.sign(draw(classes, features)), draw.labels(samples, classes, nobody), j,
        draw(1), squash, draw(features, samples), np.zeros(2),
    ]  # fmt: skip


def _cross_entropy(classes, samples, nobody):
    return lambda draw: [
        9 * draw(classes, samples), draw.labels(samples, classes, nobody), draw(1), draw(classes, samples), np.zeros(2),
    ]  # fmt: skip


def _gradient_sum(rows, size):
    return lambda draw: [draw(rows, size), draw(size)]


def _sgd(momentum, nesterov, has_rates):
    def arguments(draw):
        settings = np.array([0.1, momentum, 0.01], draw.dtype)
        return [draw(301), draw(301), draw(301), np.abs(draw(301)) if has_rates else None, settings, nesterov]

    return arguments


def _gather(samples, count):
    def arguments(draw):
        images = draw.rng.integers(0, 256, (20, 6, 5)).astype(np.uint8)
        labels, order = draw.rng.integers(0, 10, 20).astype(np.uint8), draw.rng.permutation(20)
        position = np.array([3, count])
        table = draw(256)
        x = np.full((1, 9, 7, samples), table[0])  # the background is there already
        return [images, labels, order, position, table, x, np.zeros(samples, np.int32)]

    return arguments
