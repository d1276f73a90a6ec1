"""Layers to test: one small one of every kind, and random ones for hypothesis."""

import numpy as np
from hypothesis import strategies as st

import minicnn as mc

BATCH = 3


def every_layer(dtype="float64"):
    """{name: (layer, shape of x without N)}, one or more of every kind."""
    how = {"rng": np.random.default_rng(0), "dtype": dtype}
    return {
        "Conv2d": (mc.Conv2d(2, 3, 3, **how), (2, 6, 5)),
        "Conv2d with stride and padding": (mc.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 2), **how), (2, 7, 6)),
        "Conv2d without bias": (mc.Conv2d(2, 3, 2, bias=False, **how), (2, 4, 5)),
        "Conv2d with connections": (mc.Conv2d(3, 4, 2, connections=[[0, 1], [2], [0, 1, 2], [1]], **how), (3, 5, 4)),
        "Conv2d, dilated": (mc.Conv2d(2, 3, (2, 3), dilation=(3, 2), stride=(1, 2), padding=1, **how), (2, 6, 7)),
        "Conv2d in groups": (mc.Conv2d(4, 6, 2, groups=2, **how), (4, 4, 5)),
        "Conv2d, a group for each map": (mc.Conv2d(3, 3, 3, groups=3, dilation=2, bias=False, **how), (3, 6, 5)),
        "Conv2d over the whole image": (mc.Conv2d(2, 3, (4, 5), **how), (2, 4, 5)),
        "Subsampling": (mc.Subsampling(3, **how), (3, 6, 4)),
        "MaxPool2d": (mc.MaxPool2d(2), (2, 6, 4)),
        "MaxPool2d, overlapping": (mc.MaxPool2d(3, stride=2), (2, 7, 8)),
        "MaxPool2d with padding": (mc.MaxPool2d(3, stride=2, padding=1, dilation=2), (2, 7, 8)),
        "MaxPool2d beyond the edge": (mc.MaxPool2d((2, 3), ceil_mode=True), (2, 5, 7)),
        "AvgPool2d": (mc.AvgPool2d(2), (2, 6, 4)),
        "AvgPool2d, overlapping": (mc.AvgPool2d((3, 2), stride=(2, 1)), (2, 7, 5)),
        "AvgPool2d with padding": (mc.AvgPool2d(3, stride=2, padding=1), (2, 6, 7)),
        "AvgPool2d beyond the edge": (
            mc.AvgPool2d(2, stride=3, padding=1, ceil_mode=True, count_include_pad=False), (2, 5, 6)),
        "GlobalAvgPool2d": (mc.GlobalAvgPool2d(), (2, 3, 4)),
        "Linear": (mc.Linear(5, 4, **how), (5,)),
        "Linear without bias": (mc.Linear(5, 4, bias=False, **how), (5,)),
        "RBF": (mc.RBF(how["rng"].choice([-1, 1], (4, 6)), dtype=dtype), (6,)),
        "ScaledTanh": (mc.ScaledTanh(), (2, 3, 4)),
        "Tanh": (mc.Tanh(), (7,)),
        "Sigmoid": (mc.Sigmoid(), (2, 3, 4)),
        "ReLU": (mc.ReLU(), (7,)),
        "LeakyReLU": (mc.LeakyReLU(0.2), (2, 3, 4)),
        "Flatten": (mc.Flatten(), (2, 3, 4)),
        "Sequential": (small_network(**how), (1, 7, 6)),
    }  # fmt: skip


def small_network(**how):
    return mc.Sequential([
        mc.Conv2d(1, 2, 2, **how), mc.ScaledTanh(), mc.Subsampling(2, 1, **how), mc.MaxPool2d(2), mc.Flatten(),
        mc.Linear(12, 3, **how), mc.Sigmoid(),
    ])  # fmt: skip


NAMES = tuple(every_layer())


def case(name, dtype="float64", batch=BATCH, seed=1):
    """(layer, x, dy) of one of NAMES; dy goes with x's y."""
    layer, shape = every_layer(dtype)[name]
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*shape, batch)).astype(dtype)
    dy = rng.standard_normal(layer.forward(x).shape).astype(dtype)
    return every_layer(dtype)[name][0], x, dy


# ------------------------------------------------------------------------------------------------ random ones

sizes = st.integers(1, 3)
pairs = st.tuples(sizes, sizes)
batches = st.sampled_from((1, 2, 5))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def connection_tables(draw, in_channels, out_channels):
    """None, or a list of distinct input maps for each output map."""
    if draw(st.booleans()):
        return None
    maps = st.lists(st.integers(0, in_channels - 1), min_size=1, max_size=in_channels, unique=True)
    return draw(st.lists(maps, min_size=out_channels, max_size=out_channels))


@st.composite
def convolutions(draw):
    """(Conv2d in float64, shape of x) with at least one window in the padded image."""
    kernel, stride, padding = draw(pairs), draw(pairs), draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    dilation, groups, channels, maps = draw(pairs), draw(sizes), draw(sizes), draw(sizes)
    channels, maps = groups * channels, groups * maps
    table = draw(connection_tables(channels, maps)) if groups == 1 else None
    layer = mc.Conv2d(channels, maps, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups,
                      connections=table, bias=draw(st.booleans()), rng=draw(seeds), dtype="float64")  # fmt: skip
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    pixels = [draw(st.integers(max(1, e - 2 * p), max(e, 6))) for e, p in zip(extents, padding)]
    return layer, (channels, *pixels, draw(batches))


@st.composite
def poolings(draw, kind):
    """(a pooling layer, shape of x) with at least one whole window in the padded image."""
    size, stride = draw(pairs), draw(st.none() | pairs)
    padding = tuple(draw(st.integers(0, k // 2)) for k in size)
    how, extents = {"padding": padding, "ceil_mode": draw(st.booleans())}, size
    if kind is mc.MaxPool2d:
        how["dilation"] = draw(pairs)
        extents = [d * (k - 1) + 1 for k, d in zip(size, how["dilation"])]
        extents = [max(e, d + 2 * p) for e, p, d in zip(extents, padding, how["dilation"])]  # no window sees nothing
    else:
        how["count_include_pad"] = draw(st.booleans())
    pixels = [draw(st.integers(max(1, e - 2 * p), 7)) for e, p in zip(extents, padding)]
    return kind(size, stride, **how), (draw(sizes), *pixels, draw(batches))


@st.composite
def subsamplings(draw):
    channels, size = draw(sizes), draw(sizes)
    pixels = [size * draw(sizes) for _ in range(2)]
    return mc.Subsampling(channels, size, rng=draw(seeds), dtype="float64"), (channels, *pixels, draw(batches))


@st.composite
def linears(draw):
    features, units = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    layer = mc.Linear(features, units, bias=draw(st.booleans()), rng=draw(seeds), dtype="float64")
    return layer, (features, draw(batches))


@st.composite
def rbfs(draw):
    prototypes = np.random.default_rng(draw(seeds)).standard_normal((draw(st.integers(1, 5)), draw(st.integers(1, 8))))
    return mc.RBF(prototypes, dtype="float64"), (prototypes.shape[1], draw(batches))


@st.composite
def elementwise(draw):
    layer = draw(st.sampled_from((mc.ScaledTanh, mc.Tanh, mc.Sigmoid, mc.ReLU, mc.LeakyReLU)))()
    return layer, tuple(draw(st.lists(sizes, min_size=1, max_size=4)))


@st.composite
def whole_maps(draw):
    return mc.GlobalAvgPool2d(), (draw(sizes), draw(sizes), draw(sizes), draw(batches))


@st.composite
def flattens(draw):
    return mc.Flatten(), (draw(sizes), draw(sizes), draw(sizes), draw(batches))


RANDOM = {
    "Conv2d": convolutions(), "Subsampling": subsamplings(), "MaxPool2d": poolings(mc.MaxPool2d),
    "AvgPool2d": poolings(mc.AvgPool2d), "Linear": linears(), "RBF": rbfs(), "elementwise": elementwise(),
    "GlobalAvgPool2d": whole_maps(), "Flatten": flattens(),
}  # fmt: skip
