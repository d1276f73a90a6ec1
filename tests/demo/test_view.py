"""What the page shows is what the engine computes."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.demo import view
from minicnn.demo.sessions import Session


@pytest.fixture
def net(shipped):
    return Session(shipped).net


@pytest.fixture
def image(digits):
    return digits.images[np.flatnonzero(digits.labels == 3)[0]]


def distances(net, image):
    return net.forward(net.input(image[None]))[:, 0]


def test_every_map_and_the_answer(net, image):
    seen = view.look(net, image)
    assert seen["distances"] == distances(net, image).tolist()
    assert seen["ranking"][0] == net.predict(image[None])[0] == 3
    assert sorted(seen["distances"]) == [seen["distances"][digit] for digit in seen["ranking"]]
    for line in net.counts((1, 32, 32))[:-1]:
        assert seen["maps"][line["name"]].shape == seen["sums"][line["name"]].shape == line["output"]
        squashed = 1.7159 * np.tanh(2 / 3 * seen["sums"][line["name"]].astype(float))
        assert np.allclose(seen["maps"][line["name"]], squashed, atol=1e-5)
    assert np.array_equal(seen["maps"]["input"], net.input(image[None])[..., 0])


@pytest.mark.parametrize("criterion", view.CRITERIA)
@pytest.mark.parametrize("target", [5, 8])
def test_gradients_are_the_slopes_of_the_criterion(image, criterion, target):
    net = mc.models.lenet5(pretrained=True, dtype="float64")
    back = view.look_back(net, image, target, criterion)
    loss, labels, x = view.CRITERIA[criterion](), np.array([target]), net.input(image[None])

    def slope(layers, at, place, h=1e-5):
        values = []
        for sign in (1, -1):
            y = at.copy()
            y[place] += sign * h
            for layer in layers:
                y = layer.forward(y)
            values.append(loss.forward(y, labels))
        return (values[0] - values[1]) / (2 * h)

    place = (0, 14, 15, 0)
    scale = back["largest"]["input"]
    assert abs(back["maps"]["input"][place[:-1]] - slope(net.layers, x, place)) <= 1e-5 * scale
    for stage, place in (("C1", (2, 10, 12, 0)), ("C3", (7, 4, 5, 0)), ("C5", (17, 0, 0, 0)), ("F6", (40, 0))):
        y = x
        names = [layer.name for layer in net]
        after = names.index(f"{stage} squash") + 1
        for layer in net.layers[:after]:
            y = layer.forward(y)
        found = back["maps"][stage][place[:-1]]
        assert abs(found - slope(net.layers[after:], y, place)) <= 1e-5 * back["largest"][stage], stage
    assert np.array_equal(back["saliency"], np.abs(back["maps"]["input"]))
    assert back["largest"]["F6"] == np.abs(back["maps"]["F6"]).max()


def test_a_step_towards_another_digit(net, shipped, image):
    before = distances(net, image)
    change = view.step(net, image, target=8, criterion="rbf", lr=0.001)
    assert change["distances"] == [before.tolist(), distances(net, image).tolist()]
    assert change["loss"] == [change["distances"][0][8], change["distances"][1][8]]
    assert change["loss"][1] < change["loss"][0] and change["answers"][0] == 3
    assert set(change["weights"]) == {"C1", "S2", "C3", "S4", "C5", "F6"}
    step = net["F6"].weight.value - shipped["F6"].weight.value
    assert np.abs(step).max() > 0 and change["weights"]["F6"] > 0
    difference = view.look(net, image)["maps"]["C3"] - view.look(shipped, image)["maps"]["C3"]
    assert np.array_equal(change["maps"]["C3"], difference) and not change["maps"]["input"].any()


def test_receptive_fields_are_all_that_a_unit_sees(net):
    rng = np.random.default_rng(0)
    for stage in view.description(net)["stages"]:
        if len(stage["shape"]) < 3:
            assert stage["field"]["size"] == 32
            continue
        _, height, width = stage["shape"]
        row, column = rng.integers(height), rng.integers(width)
        field = stage["field"]
        top, left = (field["start"] + field["step"] * place for place in (row, column))
        x = rng.standard_normal((1, 32, 32, 2)).astype("float32")
        x[0, top : top + field["size"], left : left + field["size"], 1] = x[
            0, top : top + field["size"], left : left + field["size"], 0
        ]  # two inputs alike in the field only
        others = x.copy()
        others[0, top, left, 1] += 1  # and its corner belongs to it
        for inputs, alike in ((x, True), (others, False)):
            y = inputs
            for layer in net:
                y = layer.forward(y)
                if layer.name == stage["name"]:
                    break
            assert np.allclose(y[:, row, column, 0], y[:, row, column, 1], atol=1e-5) == alike, stage["name"]


def test_the_description_has_table_i_and_the_counts(net):
    stages = {stage["name"]: stage for stage in view.description(net)["stages"]}
    assert tuple(map(tuple, stages["C3"]["reads"])) == mc.models.lenet5.__globals__["TABLE_I"]
    assert stages["S4"]["reads"] == [[channel] for channel in range(16)] and stages["F6"]["reads"] is None
    assert stages["C5"]["parameters"] == 48_120 and stages["C3"]["window"] == (5, 1)


def test_a_units_weights(net, shipped):
    net["C3"].weight.value += 1
    found = view.unit_weights(net, shipped, "C3", 6)
    dense = net["C3"].dense_weight()[6]
    assert np.array_equal(found["weights"], dense[[0, 1, 2, 3]]) and np.allclose(found["change"], 1)
    assert found["bias"] == net["C3"].bias.value[6]
    assert view.unit_weights(net, shipped, "C1", 2)["weights"].shape == (1, 5, 5)
    assert np.array_equal(view.unit_weights(net, shipped, "C5", 9)["weights"], net["C5"].dense_weight()[9])
    assert np.array_equal(view.unit_weights(net, shipped, "F6", 9)["weights"], net["F6"].weight.value[9])
    assert view.unit_weights(net, shipped, "S2", 1)["coefficient"] == net["S2"].coefficient.value[1]
    assert np.array_equal(view.unit_weights(net, shipped, "output", 1)["weights"], net["output"].prototypes[1])
