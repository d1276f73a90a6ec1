"""Masks that are drawn ahead are those that the layers would have drawn."""

import numpy as np
import pytest
from quick import rest_slow
from trainings import digits

import minicnn as mc
from minicnn.compiled import masks
from minicnn.compiled.graph import GraphSteps
from minicnn.compiled.masks import Masks
from minicnn.compiled.steps import Steps

SHAPES = (3, 4, 4, 2), (5, 2)
"""Of a sample's maps and vector, two samples a part."""


def two_layers(seed=1):
    """They draw from one generator, in turn."""
    rng = np.random.default_rng(seed)
    return [mc.Dropout(0.3, rng=rng), mc.Dropout(0.6, rng=rng)]


def drawn(layers, sizes):
    """What the layers' own forward would keep of batches of these sizes, one (elements, samples) for each layer."""
    pairs = list(zip(layers, SHAPES))
    kept = [[layer.kept((*shape[:-1], size)).reshape(-1, size) for layer, shape in pairs] for size in sizes]
    return [np.concatenate(every, axis=1) for every in zip(*kept)]


@pytest.fixture(params=["numpy", "device"])
def backend(request):
    return mc.backend.get("numpy") if request.param == "numpy" else request.getfixturevalue("device")


def test_batch_by_batch_and_layer_by_layer_as_far_as_there_is_room(backend, monkeypatch):
    monkeypatch.setattr(masks, "COLUMNS", 10)
    layers, twins = two_layers(), two_layers()
    made = Masks(backend, 4)
    arrays = [made.of(layer, shape) for layer, shape in zip(layers, SHAPES)]
    assert arrays[0][0] is made.of(layers[0], SHAPES[0])[0]
    for first, sizes, room in ((0, [4, 4, 4], 2), (8, [4, 3], 2), (0, [1] * 9, 8)):
        assert made.draw(first, sizes) == room
        for (kept, start), expected in zip(arrays, drawn(twins, sizes[:room])):
            assert int(start[0]) == first
            np.testing.assert_array_equal(backend.to_numpy(kept)[:, : expected.shape[1]], expected)


def test_of_batches_that_did_not_come_nothing_is_drawn(backend):
    layers, twins = two_layers(), two_layers()
    made = Masks(backend, 4)
    for layer, shape in zip(layers, SHAPES):
        made.of(layer, shape)
    made.draw(0, [4, 4, 4])
    made.take_back(2)
    drawn(twins, [4])
    assert layers[0].rng.random() == twins[0].rng.random()


def test_a_rank_has_its_own_samples_of_what_is_drawn_for_all(backend):
    layers, twins = two_layers(), two_layers()
    made = Masks(backend, 4, lambda batch: batch[2:])
    arrays = [made.of(layer, shape)[0] for layer, shape in zip(layers, SHAPES)]
    assert made.draw(0, [4, 3]) == 2
    for kept, expected in zip(arrays, drawn(twins, [4, 3])):
        np.testing.assert_array_equal(backend.to_numpy(kept)[:, :3], expected[:, [2, 3, 6]])


def dropping():
    rng = np.random.default_rng(0)
    return mc.Sequential([
        mc.Dropout(0.1, rng=rng), mc.Conv2d(1, 2, 5, stride=3, rng=rng), mc.ScaledTanh(), mc.Dropout(0.3, rng=rng),
        mc.Conv2d(2, 2, 3, rng=rng), mc.ReLU(), mc.Dropout(0.2, rng=rng), mc.Flatten(), mc.Linear(72, 10, rng=rng),
    ], preprocess=mc.data.UNIT)  # fmt: skip


@pytest.mark.parametrize("columns, threads", rest_slow([(2048, 2), (30, 1), (1, 3)]))
def test_a_run_of_batches_has_the_same_masks_as_each_by_itself(monkeypatch, columns, threads):
    pytest.importorskip("numba")
    train, states = digits(90), []
    batches = list(mc.data.batch_indices(90, 20, 0))
    for how in ((2048, 1), (columns, threads)):
        monkeypatch.setattr(masks, "COLUMNS", how[0])
        net = dropping()
        optimizer = mc.optim.SGD(net.parameters(), 1, momentum=0.5)
        with Steps(net, mc.losses.CrossEntropyLoss(), optimizer, train, 20, how[1]) as steps:
            assert steps.whole_epochs
            for _ in range(2):
                list(steps.epoch(batches, [0.1] * 5))
        states.append([net.vector.values, net[0].rng.random()])
    np.testing.assert_array_equal(states[0][0], states[1][0])
    assert states[0][1] == states[1][1]


def test_where_a_loss_is_not_finite_the_layers_have_drawn_for_the_batches_before():
    pytest.importorskip("numba")
    train, net, twin = digits(90), dropping(), dropping()
    with Steps(net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 1), train, 20) as steps:
        results = steps.epoch(mc.data.batch_indices(90, 20, 0), [1e38, 1e38, 0.1, 0.1, 0.1])
        count = next(i for i, (*_, loss, _) in enumerate(results, 1) if not np.isfinite(loss))
    assert count < 4
    for _ in range(count):
        for layer, shape in zip((twin[0], twin[3], twin[6]), ((1, 28, 28), (2, 8, 8), (2, 6, 6))):
            layer.kept((*shape, 20))
    assert net[0].rng.random() == twin[0].rng.random()


@pytest.mark.parametrize("columns", [1, 2048])
def test_where_an_epoch_stops_on_a_device_the_layers_have_drawn_for_what_came(device, monkeypatch, columns):
    """Batch by batch, or for all at once."""
    monkeypatch.setattr(masks, "COLUMNS", columns)
    train, rates, states = digits(11), [1e-3, 5e-4, 2e-3], []
    batches = list(mc.data.batch_indices(11, 4, 0))
    for stops in ((3,), (1, 2)):
        net = dropping().to(device)
        optimizer = mc.optim.SGD(net.parameters(), 1, momentum=0.9)
        with GraphSteps(net, mc.losses.CrossEntropyLoss(), optimizer, train, 4) as steps:
            start = 0
            for count in stops:
                asked = iter(count * [False] + [True])
                start += len(list(steps.epoch(batches[start:], rates[start:], asked.__next__)))
        drawn = [layer.rng.random() for layer in net if type(layer) is mc.Dropout]
        states.append({**net.state_dict(), "what they draw next": drawn})
        assert start == 3
    for name in states[0]:
        np.testing.assert_array_equal(states[1][name], states[0][name], err_msg=name)
