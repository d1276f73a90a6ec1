"""A run that goes astray says where, says truly what is kept, and keeps no weights that are not finite."""

import warnings

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import DivergedError


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(slice(96))


def explode(digits, step, *, lr=1e38, epochs=3, **how):
    """Train with three steps an epoch, of which the one numbered ``step``, counted from 1, is far too large."""
    rng = np.random.default_rng(0)
    net = mc.Sequential([mc.Flatten(), mc.Linear(28 * 28, 20, rng=rng), mc.Linear(20, 10, rng=rng)],
                        preprocess=mc.data.UNIT)  # fmt: skip
    steps = []

    def schedule(epoch):
        steps.append(epoch)
        return lr if len(steps) == step else 0.001

    loss, optimizer = mc.losses.CrossEntropyLoss(reduction="sum"), mc.optim.SGD(net.parameters(), 0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the error alone is enough to read
        mc.training.fit(net, loss, optimizer, digits, epochs=epochs, batch_size=32, schedule=schedule,
                        progress=False, **how)  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_in_the_first_epoch_no_checkpoint_is_promised(digits, tmp_path, threads):
    path = tmp_path / "c.npz"
    path.write_text("an earlier run's")
    with pytest.raises(DivergedError, match=r"the loss is \S+ in epoch 1, batch 2, at lr 0.001: try a smaller lr$"):
        explode(digits, 1, checkpoint=path, threads=threads)
    assert path.read_text() == "an earlier run's"


def test_in_a_later_epoch_the_last_checkpoint_is_named(digits, tmp_path):
    path = tmp_path / "c.npz"
    with pytest.raises(DivergedError, match=r"epoch 2, batch 3, .*; \S*c\.npz still holds the last good state$"):
        explode(digits, 5, checkpoint=path)
    assert mc.training.read_facts(path)[1]["progress"]["epoch"] == 1


@pytest.mark.parametrize("lr, tested, what", [(float("inf"), False, "the weights are not finite"),
                                              (1e38, True, r"the test loss is \S+")])  # fmt: skip
def test_weights_that_blow_up_in_an_epochs_last_step_are_not_saved(digits, tmp_path, lr, tested, what):
    path = tmp_path / "c.npz"
    with pytest.raises(DivergedError, match=rf"{what} in epoch 2, batch 3, at lr \S+: .*still holds the last good"):
        explode(digits, 6, lr=lr, checkpoint=path, test=digits if tested else None)
    arrays, facts = mc.training.read_facts(path)
    assert facts["progress"]["epoch"] == 1
    assert all(np.isfinite(array).all() for array in arrays.values())
