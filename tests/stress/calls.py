"""Calls of everything public with arguments that make little sense: a result, or one of the documented errors."""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tally import Tally

import minicnn as mc
from minicnn.errors import MinicnnError
from minicnn.training import History, load_checkpoint, read_facts, save_checkpoint

DOCUMENTED = (ValueError, TypeError, MinicnnError, OSError, MemoryError, KeyError, IndexError)
"""RuntimeError too, if it is that itself: for a backward without a forward, or parameters that have moved. KeyError and
IndexError are those of ``net["name"]``, ``net[9]``."""

ARRAYS = [
    lambda: np.ones((3, 4), "float32"), lambda: np.ones((4, 3), "float32"), lambda: np.ones((3, 4)),
    lambda: np.ones((1, 6, 6, 2), "float32"), lambda: np.ones((2, 6, 6, 2), "float32"), lambda: np.zeros((0, 6, 6, 2)),
    lambda: np.full((3, 4), np.nan, "float32"), lambda: np.ones((2, 6, 6), "uint8"),
    lambda: np.ones((300, 6, 6), "uint8"), lambda: np.zeros((0, 6, 6), "uint8"), lambda: np.ones((5, 6, 6)),
    lambda: np.array([0, 1]), lambda: np.array([0, 99]),
    lambda: np.array([0, 1, 2, 0]), lambda: np.array([-1, 1]), lambda: np.array(3), lambda: np.array(0.5, "float32"),
    lambda: np.array(["a", "b"]), lambda: np.array([None, {}], object), lambda: np.ones((3, 4), "complex64"),
    lambda: np.ones((3, 4), bool), lambda: np.array(["2020-01-01"], "datetime64[D]"), lambda: np.zeros((3, 0)),
    lambda: np.ma.masked_array(np.ones((3, 4), "float32"), mask=True), lambda: np.ones((1,) * 20),
    lambda: np.ma.masked_array(np.ones((1, 6, 6, 2), "float32"), mask=True), lambda: np.ones(7, "float16"),
    lambda: np.ones((2, 3, 4), "longdouble"), lambda: np.ones((3, 4), ">f4"), lambda: np.ones(3, [("a", "f4")]),
    lambda: np.ones((4, 3), "float32").T, lambda: np.broadcast_to(np.float32(1), (3, 4)),
]  # fmt: skip

ODD = [None, True, False, -1, 0, 1, 2, 3, 6, 2**40, 2**63, 2**70, -(2**40), 0.5, -0.5, 1.0, 1e300, float("nan"),
       float("inf"), "", "x", "numpy", "float32", "float64", "mean", "sum", "int8", b"x", "\0", "\udc80", [], [1],
       [1, 2], [[0], [1]], [[0, 0]], [[]], (), (2, 3), (1, 6, 6), (0, 1), (2, -1), {}, {"a": 1}, {"a": None}, set(),
       slice(None), np.float32(1), np.int64(2), np.bool_(True), np.datetime64("2020-01-01"), object, object(), repr,
       len, int,
       lambda *given: given, lambda *given: None, lambda *given: 1 / 0 if len(given) > 9 else 0.1, 1 + 2j, range(3),
       Ellipsis, NotImplemented, "nowhere/at/all", ".", "/", Path("x.npz")]  # fmt: skip


def dataset(count=8, shape=(6, 6)):
    rng = np.random.default_rng(0)
    return mc.data.Dataset(rng.integers(0, 256, (count, *shape), np.uint8), rng.integers(0, 3, count, np.uint8))


def network():
    layers = {"c": mc.Conv2d(1, 2, 3, rng=0), "s": mc.Tanh(), "f": mc.Flatten(), "l": mc.Linear(32, 3, rng=1)}
    return mc.Sequential(layers, preprocess=mc.data.UNIT)


THINGS = [
    network, lambda: mc.Linear(3, 2, rng=0), lambda: mc.Sigmoid(), lambda: mc.Flatten(), lambda: mc.Dropout(0.5, rng=0),
    dataset, lambda: mc.losses.CrossEntropyLoss(), lambda: mc.optim.SGD(network().parameters(), 0.1),
    lambda: network().parameters(), lambda: [mc.Tanh(), mc.ReLU()], lambda: network().state_dict(), lambda: mc.Tanh,
    lambda: mc.backend.get("numpy"), lambda: mc.optim.schedules.Cosine(0.1, 2), lambda: mc.data.Distortion(),
]  # fmt: skip

LAYERS = [
    lambda: mc.Conv2d(1, 2, 3, rng=0), lambda: mc.Subsampling(2), lambda: mc.MaxPool2d(2), lambda: mc.AvgPool2d(2, 1),
    lambda: mc.Linear(3, 2, rng=0), lambda: mc.RBF(np.ones((2, 3), "float32")), lambda: mc.Tanh(), lambda: mc.ReLU(),
    lambda: mc.ScaledTanh(), lambda: mc.Sigmoid(), lambda: mc.Flatten(), lambda: mc.Dropout(0.5, rng=0),
    lambda: mc.BatchNorm2d(2), lambda: mc.BatchNorm1d(3), lambda: mc.LayerNorm(3), network,
    lambda: mc.Residual(mc.Sequential([mc.Linear(3, 3, rng=0), mc.Tanh()])),
]  # fmt: skip

MAKERS = [mc.Conv2d, mc.Subsampling, mc.MaxPool2d, mc.AvgPool2d, mc.Linear, mc.RBF, mc.Dropout, mc.BatchNorm2d,
          mc.BatchNorm1d, mc.LayerNorm, mc.Flatten, mc.Sequential, mc.Residual, mc.Parallel, mc.Parameter,
          mc.losses.CrossEntropyLoss, mc.losses.MAPLoss, mc.losses.RBFLoss, mc.losses.MSELoss, mc.optim.SGD,
          mc.optim.Adam, mc.optim.AdamW, mc.optim.StochasticDiagonalLM, mc.optim.schedules.Cosine,
          mc.optim.schedules.StepTable, mc.data.Dataset, mc.data.Distortion, mc.data.Pixels, mc.backend.get,
          mc.data.batch_indices, mc.data.read_idx, mc.data.write_idx, mc.data.load_mnist, History, History.load,
          read_facts, mc.training.evaluate, mc.models.lenet5, mc.models.lenet_modern, mc.inspect.trace,
          mc.inspect.UpdateRatios, mc.compiled.thread_count]  # fmt: skip

METHODS = {
    "layer": (LAYERS, ("forward", "backward", "second_backward", "to", "train", "__call__", "connections")),
    "network": ([network], ("predict", "outputs", "forward", "backward", "second_backward", "load_state_dict",
                            "summary", "counts", "to", "__getitem__", "save", "load", "train")),
    "loss": ([mc.losses.CrossEntropyLoss, mc.losses.RBFLoss, mc.losses.MAPLoss, mc.losses.MSELoss],
             ("forward", "to", "backward")),
    "optimizer": ([lambda: mc.optim.SGD(network().parameters(), 0.1), lambda: mc.optim.Adam(network().parameters())],
                  ("load_state_dict", "step", "state_dict")),
    "data set": ([dataset], ("subset",)),
    "schedule": ([lambda: mc.optim.schedules.Cosine(0.1, 2), lambda: mc.optim.schedules.StepTable(((0.1, 1),))],
                 ("__call__",)),
    "transform": ([lambda: mc.data.UNIT, lambda: mc.data.Distortion()], ("__call__",)),
    "history": ([History], ("append",)),
}  # fmt: skip

FIT = ("epochs", "batch_size", "schedule", "seed", "threads", "augment", "checkpoint", "history", "resume", "config",
       "on_epoch")  # fmt: skip


def value(draw):
    kind = draw(st.integers(0, 9))
    if kind < 4:
        return draw(st.sampled_from(ARRAYS))()
    return draw(st.sampled_from(THINGS))() if kind < 6 else draw(st.sampled_from(ODD))


def call(draw):
    """(words, a function of no arguments that makes the call)."""
    kind = draw(st.integers(0, 9))
    if kind < 3:
        maker = draw(st.sampled_from(MAKERS))
        given_ = [value(draw) for _ in range(draw(st.integers(0, 4)))]
        return maker.__qualname__, given_, lambda: maker(*given_)
    if kind < 8:
        things, methods = METHODS[draw(st.sampled_from(list(METHODS)))]
        thing, method = draw(st.sampled_from(things))(), draw(st.sampled_from(methods))
        given_ = [value(draw) for _ in range(draw(st.integers(0, 2)))]
        forward_first = draw(st.booleans())

        def make():
            if forward_first and method.endswith("backward") and hasattr(thing, "walk"):
                for array in (np.ones((1, 6, 6, 2), "float32"), np.ones((3, 4), "float32")):
                    try:
                        thing.forward(array)
                    except (ValueError, TypeError):
                        pass
            if not hasattr(thing, method):
                return None
            return getattr(thing, method)(*given_)

        return f"{type(thing).__qualname__}.{method}", given_, make
    if kind == 8:
        net = network()
        optimizer = mc.optim.SGD(net.parameters(), 0.1)
        if draw(st.booleans()):
            given_ = [value(draw), net if draw(st.booleans()) else value(draw), optimizer, value(draw)]
            return "load_checkpoint", given_, lambda: load_checkpoint(*given_)
        given_ = ["c.npz", net, optimizer, value(draw), value(draw), value(draw)]
        return "save_checkpoint", given_, lambda: save_checkpoint(*given_)
    net = network()
    given_ = [net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.1), dataset()]
    if draw(st.booleans()):
        given_[draw(st.integers(0, 3))] = value(draw)
    named = {name: value(draw) for name in draw(st.lists(st.sampled_from(FIT), max_size=2, unique=True))}
    if isinstance(named.get("epochs"), int) and named["epochs"] > 3:
        named["epochs"] = 1  # it would really train so long
    return "fit", [*given_, named], lambda: mc.training.fit(*given_, progress=False, **{"epochs": 1, **named})


def run(rng, trials, folder):
    """So many calls -> Tally."""
    tally = Tally("random calls of the API")
    number = int(rng.integers(2**32))

    @seed(number)
    @settings(max_examples=trials, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.data())
    def one(data):
        words, arguments, make = call(data.draw)
        tally.trials += 1
        try:
            make()
        except DOCUMENTED:
            pass
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                tally.note("foreign", f"{words}{tuple(arguments)!r}"[:400], error)
        except Exception as error:
            tally.note("foreign", f"{words}{tuple(arguments)!r}"[:400], error)
        try:
            os.fstat(1)
        except OSError:
            tally.note("wrong", f"{words}{tuple(arguments)!r}"[:400] + " closed standard output")
            os.open(os.devnull, os.O_WRONLY)

    here = os.getcwd()
    with tempfile.TemporaryDirectory(dir=folder) as elsewhere, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        offline = os.environ.get("MINICNN_OFFLINE")
        os.environ["MINICNN_OFFLINE"] = "1"
        os.chdir(elsewhere)
        try:
            one()
        finally:
            os.chdir(here)
            if offline is None:
                del os.environ["MINICNN_OFFLINE"]
            else:
                os.environ["MINICNN_OFFLINE"] = offline
    return tally
