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
        "BatchNorm2d": (scattered(mc.BatchNorm2d(2, dtype=dtype)), (2, 3, 4)),
        "BatchNorm1d": (scattered(mc.BatchNorm1d(5, dtype=dtype)), (5,)),
        "BatchNorm1d over positions": (scattered(mc.BatchNorm1d(3, dtype=dtype)), (3, 4)),
        "BatchNorm2d after training": (scattered(mc.BatchNorm2d(2, dtype=dtype)).eval(), (2, 3, 4)),
        "LayerNorm": (scattered(mc.LayerNorm(6, dtype=dtype)), (6,)),
        "LayerNorm over maps": (scattered(mc.LayerNorm((2, 3), dtype=dtype)), (2, 3, 4)),
        "Residual": (mc.Residual([mc.Conv2d(2, 2, 3, padding=1, **how), mc.Tanh()]), (2, 3, 4)),
        "Residual with a shortcut": (mc.Residual([mc.Linear(4, 3, **how)], mc.Linear(4, 3, **how)), (4,)),
        "Parallel, added": (mc.Parallel([mc.Linear(4, 3, **how), [mc.Tanh(), mc.Linear(4, 3, **how)]]), (4,)),
        "Parallel, concatenated": (mc.Parallel(
            {"wide": mc.Conv2d(2, 3, 3, padding=1, **how), "same": mc.Tanh()}, "concatenate"), (2, 3, 4)),
        "Sequential": (small_network(**how), (1, 7, 6)),
    }  # fmt: skip


def scattered(layer, seed=5):
    """The layer with other parameters and buffers than it starts with: 1 and 0 hide what is multiplied and added."""
    rng = np.random.default_rng(seed)
    for _, p in layer.named_parameters():
        p.value = rng.uniform(0.5, 1.5, p.shape) * rng.choice([-1, 1], p.shape)
    for owner, attribute in layer.buffer_places().values():
        array = getattr(owner, attribute)
        if array.dtype.kind == "f":
            setattr(owner, attribute, (rng.uniform(0.5, 1.5, array.shape)).astype(array.dtype))
    return layer


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


@st.composite
def normalisations(draw):
    """A normalisation layer in float64, in either mode, with parameters and running statistics of any size."""
    affine, kind = draw(st.booleans()), draw(st.sampled_from(("2d", "1d", "1d over positions", "layer")))
    sizes_of_x = [draw(st.integers(2, 4)) for _ in range({"2d": 3, "1d": 1, "1d over positions": 2, "layer": 3}[kind])]
    batch = draw(st.sampled_from((2, 5)))
    if kind == "layer":
        over = sizes_of_x[: draw(sizes)]
        layer = mc.LayerNorm(over, eps=0.1, elementwise_affine=affine, dtype="float64")
    else:
        make = mc.BatchNorm2d if kind == "2d" else mc.BatchNorm1d
        layer = make(sizes_of_x[0], eps=0.1, affine=affine, track_running_stats=draw(st.booleans()), dtype="float64")
    return scattered(layer, draw(seeds)).train(draw(st.booleans())), (*sizes_of_x, batch)


@st.composite
def residuals(draw):
    rng, features = np.random.default_rng(draw(seeds)), draw(st.integers(1, 4))
    units = features if draw(st.booleans()) else draw(st.integers(1, 4))
    how = {"rng": rng, "dtype": "float64"}
    shortcut = mc.Linear(features, units, **how) if units != features else None
    return mc.Residual([mc.Linear(features, units, **how), mc.Tanh()], shortcut), (features, draw(batches))


@st.composite
def parallels(draw):
    how = {"rng": np.random.default_rng(draw(seeds)), "dtype": "float64"}
    channels, combine = draw(sizes), draw(st.sampled_from(("add", "concatenate")))
    maps = [channels if combine == "add" else draw(sizes) for _ in range(draw(sizes))]
    branches = [[mc.Conv2d(channels, m, 3, padding=1, **how), mc.Sigmoid()] for m in maps]
    return mc.Parallel([*branches, mc.Tanh()], combine), (channels, 3, 4, draw(batches))


RANDOM = {
    "Conv2d": convolutions(), "Subsampling": subsamplings(), "MaxPool2d": poolings(mc.MaxPool2d),
    "AvgPool2d": poolings(mc.AvgPool2d), "Linear": linears(), "RBF": rbfs(), "elementwise": elementwise(),
    "GlobalAvgPool2d": whole_maps(), "Flatten": flattens(), "normalisation": normalisations(), "Residual": residuals(),
    "Parallel": parallels(),
}  # fmt: skip
