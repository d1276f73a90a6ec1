"""Ranks that train together do what one process does: with 2, 4, ... of them bit for bit, else within rounding."""

import numpy as np
import pytest
from thread_ranks import on_ranks

import minicnn as mc
from minicnn.compiled import forms
from minicnn.compiled.numpy_form import NumpyForm
from minicnn.compiled.prediction import WORTH
from minicnn.training.recipes import RECIPES

TRAIN, TEST = (data.subset(slice(200)) for data in mc.data.load_sample())
MANY = mc.data.load_sample()[0].subset(slice(2000, 2000 + 4 * WORTH))
"""Images to test on: each of four ranks has as many as are worth compiling for, and loops say the same of any share."""


@pytest.fixture
def plain(monkeypatch):
    """Training as without Numba."""
    monkeypatch.setattr(forms, "numba_obstacle", lambda: "there is none")
    monkeypatch.setattr(forms, "_maker", lambda name: NumpyForm)


def lenet5():
    recipe = RECIPES["default"]
    net = mc.models.lenet5(rng=0, **recipe.network())
    return net, recipe.make_loss(), recipe.make_optimizer(net.parameters())


def with_dropout():
    recipe = RECIPES["dropout"]
    net = mc.models.lenet5(rng=0, **recipe.network())
    return net, recipe.make_loss(), recipe.make_optimizer(net.parameters())


def by_its_curvature():
    net = mc.models.lenet5(rng=0, **RECIPES["paper"].network())
    return net, mc.losses.RBFLoss(), mc.optim.StochasticDiagonalLM(net.parameters(), 0.0002, curvature_samples=150)


def with_layers_of_all_kinds():
    """Dropout draws, batch statistics need the whole batch, and the loss is a user's own."""

    class Own(mc.losses.CrossEntropyLoss):
        def forward(self, outputs, labels):
            return super().forward(outputs, labels)

    layers = [mc.Conv2d(1, 3, 5, rng=0), mc.BatchNorm2d(3), mc.ReLU(), mc.MaxPool2d(7), mc.Flatten(),
              mc.Dropout(0.3, rng=1), mc.Linear(48, 10, rng=2)]  # fmt: skip
    net = mc.Sequential(layers, preprocess=mc.models.lenet5().preprocess)
    return net, Own(), mc.optim.SGD(net.parameters(), 0.05, momentum=0.9)


LOOPS = {
    "lenet5": (lenet5, 64, {}),
    "lenet5, distorted": (lenet5, 64, {"augment": mc.data.Distortion(elastic=8)}),
    "lenet5 with dropout": (with_dropout, 64, {}),
    "lenet5 by its curvature": (by_its_curvature, 64, {}),
}
PLAIN = {"lenet5": (lenet5, 128, {}), "layers of all kinds": (with_layers_of_all_kinds, 128, {})}


def train(make, batch_size, how, communicator=None, epochs=2, test=TEST):
    net, loss, optimizer = make()
    history = mc.training.fit(
        net, loss, optimizer, TRAIN, test, epochs=epochs, batch_size=batch_size, progress=False, threads=1,
        communicator=communicator, **how,
    )  # fmt: skip
    kept = ("epoch", "lr", "train_loss", "train_error", "test_loss", "test_error")
    return net.state_dict(), [{name: record[name] for name in kept} for record in history]


@pytest.fixture(params=LOOPS)
def case(request):
    pytest.importorskip("numba")
    return LOOPS[request.param]


def assert_same_bits(case, ranks, test):
    # one rank in a thread, as theirs: BLAS looks at that
    ((state, records),) = on_ranks(1, lambda communicator: train(*case, test=test))
    for got, history in on_ranks(ranks, lambda communicator: train(*case, communicator, test=test)):
        assert list(got) == list(state)
        for name in state:
            np.testing.assert_array_equal(got[name], state[name], err_msg=name)
        assert history == records


def assert_close(case, ranks):
    state, records = train(*case)
    for got, history in on_ranks(ranks, lambda communicator: train(*case, communicator)):
        for name in state:
            np.testing.assert_allclose(got[name], state[name], rtol=1e-3, atol=1e-5, err_msg=name)
        np.testing.assert_allclose([r["train_loss"] for r in history], [r["train_loss"] for r in records], rtol=1e-5)


@pytest.mark.parametrize("ranks", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_two_and_four_ranks_give_the_same_bits(case, ranks):
    assert_same_bits(case, ranks, MANY)


@pytest.mark.parametrize("case", PLAIN)
@pytest.mark.parametrize("ranks", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_same_bits_without_numba(plain, case, ranks):
    assert_same_bits(PLAIN[case], ranks, TEST)


def test_three_ranks_stay_close():
    pytest.importorskip("numba")
    assert_close(LOOPS["lenet5"], 3)


def test_more_ranks_than_parts_take_smaller_parts(plain):
    """A batch of 14 is one part by itself, and five of 3 on 5 ranks; the last batch of 4 leaves three of them idle."""
    assert_close((lenet5, 14, {}), 5)


def test_rank_0_has_the_files_and_its_weights_count(plain, tmp_path):
    def work(communicator):
        def other():
            net, loss, optimizer = lenet5()
            net.vector.values += communicator.rank
            return net, loss, optimizer

        folder = tmp_path / str(communicator.rank)
        files = {"checkpoint": folder / "checkpoint.npz", "history": folder / "history.jsonl"}
        return train(other, 64, files, communicator, epochs=1)

    (first, _), (second, _) = on_ranks(2, work)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["checkpoint.npz", "history.jsonl"]
    assert not (tmp_path / "1").exists()


def test_another_number_of_ranks_goes_on(tmp_path):
    """Two epochs on one process, or one on two ranks and one on four, which do not see the first rank's directory."""
    pytest.importorskip("numba")
    state, records = train(lenet5, 64, {}, test=MANY)
    files = {"checkpoint": tmp_path / "a.npz"}
    on_ranks(2, lambda communicator: train(lenet5, 64, files, communicator, epochs=1, test=MANY))

    def go_on(communicator):
        resume = tmp_path / "a.npz" if communicator.rank == 0 else tmp_path / "nowhere" / "a.npz"
        return train(lenet5, 64, {"resume": resume}, communicator, test=MANY)

    for got, history in on_ranks(4, go_on):
        for name in state:
            np.testing.assert_array_equal(got[name], state[name], err_msg=name)
        assert history == records
