"""What goes wrong on one rank ends all of them, with one message, and nobody waits for ever."""

import numpy as np
import pytest
from thread_ranks import on_ranks

import minicnn as mc
from minicnn.errors import DivergedError, RankError
from minicnn.ranks import Communicator

DIGITS = mc.data.load_sample()[0].subset(slice(64))


def train(communicator, digits=DIGITS, lr=0.001, make=lambda: mc.losses.CrossEntropyLoss(), **how):
    net = mc.Sequential([mc.Flatten(), mc.Linear(1024, 10, rng=0)], preprocess=mc.models.lenet5().preprocess)
    how = {"epochs": 2, "batch_size": 16, "threads": 1, "progress": False, **how}
    return mc.training.fit(net, make(), mc.optim.SGD(net.parameters(), lr), digits, communicator=communicator, **how)


def told(errors):
    """The messages that people read."""
    return [str(error) for error in errors if not error.elsewhere]


@pytest.mark.parametrize(
    ("what", "different"),
    [
        ("samples is 63, rank 0's 64", {"digits": DIGITS.subset(slice(63))}),
        ("data_set is your images", {"digits": mc.data.Dataset(DIGITS.images[::-1], DIGITS.labels)}),
        ("epochs is 3, rank 0's 2", {"epochs": 3}),
        ("batch_size is 8, rank 0's 16", {"batch_size": 8}),
        ("optimizer is", {"lr": 0.002}),
        ("random state is", {"seed": 1}),
        ("test data is", {"test": DIGITS}),
    ],
)
def test_a_rank_with_another_task(what, different):
    errors = on_ranks(3, lambda ranks: train(ranks, **(different if ranks.rank == 2 else {})))
    assert all(isinstance(error, RankError) for error in errors)
    (message,) = told(errors)
    assert "rank 2 of 3" in message and what in message


def test_a_rank_with_another_version(monkeypatch):
    def work(ranks):
        return mc.training.agreement.agree(ranks, {"minicnn": "1.0" if ranks.rank else "2.0", "epochs": 3})

    (message,) = told(on_ranks(2, work))
    assert message == "rank 1 of 2 cannot train with the others: its minicnn is 1.0, rank 0's 2.0"


def test_more_ranks_than_samples_in_a_batch():
    errors = on_ranks(3, lambda ranks: train(ranks, batch_size=2))
    assert all(isinstance(error, ValueError) for error in errors)
    (message,) = told(errors)
    assert message.startswith("batch_size must be at least 1 for each of the 3 ranks that share a batch, got 2")


def test_training_that_diverges_does_so_on_all_ranks():
    digits = mc.data.Dataset(DIGITS.images, DIGITS.labels)
    with np.errstate(all="ignore"):
        errors = on_ranks(2, lambda ranks: train(ranks, digits, lr=1e38))
    assert all(isinstance(error, DivergedError) for error in errors)
    assert len(told(errors)) == 1


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_of_one_rank_is_one_of_all(rank):
    def fail(record):
        raise OSError("the disk is full")

    errors = on_ranks(2, lambda ranks: train(ranks, on_epoch=fail if ranks.rank == rank else None))
    assert type(errors[rank]) is OSError and type(errors[1 - rank]) is RankError
    assert told(errors) == ["the disk is full"]
    assert str(errors[1 - rank]) == f"rank {rank} of 2 has failed: OSError: the disk is full"


def test_distortions_that_fail_on_one_rank():
    def fail(images, rng, backend):
        raise MemoryError("no room")

    errors = on_ranks(2, lambda ranks: train(ranks, augment=fail if ranks.rank else lambda images, *_: images))
    assert told(errors) == ["no room"]


def test_a_stop_asked_of_one_rank_stops_all(tmp_path):
    """The checkpoint is rank 0's, though rank 1 was asked."""

    def work(ranks):
        def ask(record):
            if ranks.rank == 1:
                stops[1].requested = 15

        return train(ranks, epochs=50, checkpoint=tmp_path / f"{ranks.rank}.npz", on_epoch=ask)

    stops, make = {}, mc.training.loop.Stop

    def keep(communicator):
        stops[communicator.rank] = make(communicator)
        return stops[communicator.rank]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mc.training.loop, "Stop", keep)
        histories = on_ranks(2, work)
    assert [(h.interrupted, h.signal) for h in histories] == [(True, 15)] * 2
    assert len(histories[0]) == len(histories[1]) < 50
    assert [path.name for path in tmp_path.iterdir()] == ["0.npz"]


def test_an_error_that_the_others_do_not_know_of_ends_them_at_once(capsys):
    """The last resort: nobody comes to the meeting that they wait at."""

    def work(ranks):
        with ranks.last_resort():
            if ranks.rank == 1:
                raise KeyboardInterrupt
            ranks.every(0)

    errors = on_ranks(2, work)
    assert type(errors[1]) is KeyboardInterrupt and "Broken" in type(errors[0]).__name__
    assert "error: rank 1 of 2: KeyboardInterrupt" in capsys.readouterr().err


def test_weights_that_part_are_noticed():
    def work(ranks):
        def spoil(record):
            net.vector.values[0] += ranks.rank

        net = mc.Sequential([mc.Flatten(), mc.Linear(1024, 10, rng=0)], preprocess=mc.models.lenet5().preprocess)
        return mc.training.fit(
            net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.001), DIGITS, epochs=2, threads=1,
            progress=False, communicator=ranks, on_epoch=spoil,
        )  # fmt: skip

    (message,) = told(on_ranks(2, work))
    assert message.startswith("the weights of rank 1 are no longer those of rank 0")


def test_a_process_by_itself_is_rank_0_of_1():
    alone, array = Communicator(), np.arange(3)
    alone.sum(array)
    alone.broadcast(array)
    assert (alone.rank, alone.size, array.tolist(), alone.every(7).tolist()) == (0, 1, [0, 1, 2], [7])
    assert alone.data(b"bytes") == b"bytes"
    with pytest.raises(ValueError, match=r"^so$"), alone.together():
        raise ValueError("so")
