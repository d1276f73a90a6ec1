"""Networks to take elsewhere, with parameters and buffers that are not what they start with."""

import numpy as np
from layer_cases import scattered

import minicnn as mc


def networks(dtype="float32"):
    """{name: (network, shape of x without N)}: the models, and one with every layer that holds numbers."""
    how = {"rng": np.random.default_rng(3), "dtype": dtype}
    many = mc.Sequential([
        mc.Conv2d(2, 4, 3, connections=[[1, 0], [1], [0], [0, 1]], **how), mc.BatchNorm2d(4, dtype=dtype), mc.ReLU(),
        mc.Conv2d(4, 4, 2, groups=2, bias=False, **how), mc.Subsampling(4, **how), mc.ScaledTanh(), mc.Dropout(0.5),
        mc.Residual([mc.Conv2d(4, 4, 3, padding=1, **how), mc.Tanh()], mc.Conv2d(4, 4, 1, **how)),
        mc.Parallel({"mean": mc.AvgPool2d(2), "max": [mc.LeakyReLU(0.2), mc.MaxPool2d(2)]}, "concatenate"),
        mc.Flatten(), mc.BatchNorm1d(32, affine=False, dtype=dtype), mc.LayerNorm(32, dtype=dtype),
        mc.Sequential([mc.Linear(32, 5, **how), mc.Sigmoid()]), mc.RBF(how["rng"].choice([-1, 1], (3, 5)), dtype=dtype),
    ])  # fmt: skip
    for owner, attribute in scattered(many).buffer_places().values():
        if attribute == "num_batches_tracked":
            owner.num_batches_tracked = np.array(7)
    return {
        "lenet5": (mc.models.lenet5(rng=0, dtype=dtype), (1, 32, 32)),
        "lenet_modern": (mc.models.lenet_modern(rng=0, dtype=dtype), (1, 28, 28)),
        "many": (many.eval(), (2, 11, 11)),
    }


NAMES = tuple(networks())


def equal(network, other):
    """Whether two networks have the same parameters and buffers, bit by bit."""
    state, its = network.state_dict(), other.state_dict()
    return state.keys() == its.keys() and all(np.array_equal(state[name], its[name]) for name in state)


def blank(name, dtype="float32"):
    """The network of this name with every number at 0 that can be."""
    network, _ = networks(dtype)[name]
    network.load_state_dict({name: np.zeros_like(array) for name, array in network.state_dict().items()})
    return network


def batch(shape, dtype="float32", count=5):
    """(x, the same with samples first)"""
    x = np.random.default_rng(1).standard_normal((*shape, count)).astype(dtype)
    return x, np.ascontiguousarray(np.moveaxis(x, -1, 0))
