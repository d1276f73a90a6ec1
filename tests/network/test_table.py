"""A network as a table."""

import numpy as np

import minicnn as mc
from minicnn.models.lenet5 import INPUT_SHAPE, PUBLISHED


def test_the_summary_shows_every_number():
    text = mc.models.lenet5(rng=0).summary(INPUT_SHAPE)
    for name, (parameters, connections) in PUBLISHED.items():
        line = next(line for line in text.splitlines() if line.startswith(name + " "))
        assert line.split()[-2:] == [f"{parameters:,}", f"{connections:,}"]
    assert text.splitlines()[-1].split() == ["total", "60,000", "340,908"]


def test_the_summary_fits_a_terminal_and_says_everything():
    net = mc.models.lenet5(rng=0)
    text = net.summary(INPUT_SHAPE)
    assert max(map(len, text.splitlines())) == 80
    words = " ".join(text.split())
    for line in net.counts(INPUT_SHAPE):
        assert all(part in words for part in line["text"].split(", "))
    c3 = text.splitlines().index(next(line for line in text.splitlines() if line.startswith("C3")))
    assert text.splitlines()[c3 + 1] == "        60 of 96 pairs connected, ScaledTanh"


def test_long_names_leave_room_for_a_word_and_columns_stay_columns():
    block = mc.Sequential({"a name of thirty-two characters..": mc.BatchNorm2d(2), "b": mc.ReLU()})
    head, _, line, below, *_ = block.summary((2, 4, 5)).splitlines()
    assert line.index("batch normalisation,") == below.index("2 maps, ReLU") == 35
    assert line.endswith("  80") and len(line) == len(head)


def test_counting_leaves_the_network_in_the_midst_of_a_step_alone():
    net = mc.Sequential([mc.Linear(3, 2, rng=0, dtype="float64"), mc.Tanh()])
    x = np.ones((3, 4))
    y = net.forward(x)
    expected = net.backward(y)
    net.forward(x)
    net.summary((3,))
    assert np.array_equal(net.backward(y), expected)


def test_an_elementwise_layer_stands_beside_the_one_before_it():
    net = mc.Sequential([mc.Tanh(), mc.Linear(3, 2), mc.Sigmoid()])
    assert [line["text"] for line in net.counts((3,))] == ["Tanh", "fully connected, 2 units, Sigmoid"]


def test_layers_made_of_layers_are_listed_part_by_part():
    net = mc.Sequential([
        mc.Conv2d(1, 2, 3, padding=1), mc.Residual([mc.Conv2d(2, 2, 3, padding=1), mc.BatchNorm2d(2), mc.ReLU()]),
        mc.Parallel({"a": mc.Conv2d(2, 3, 1), "b": [mc.Tanh(), mc.Dropout()]}, "concatenate"),
    ])  # fmt: skip
    lines = net.counts((1, 4, 5))
    assert [(line["name"], line["text"], line["output"], line["parameters"]) for line in lines] == [
        ("0.Conv2d", "convolution 3x3, 2 maps", (2, 4, 5), 20),
        ("1.Residual.0.Conv2d", "convolution 3x3, 2 maps", (2, 4, 5), 38),
        ("1.Residual.1.BatchNorm2d", "batch normalisation, 2 maps, ReLU", (2, 4, 5), 4),
        ("2.Parallel.a", "convolution 1x1, 3 maps, Tanh", (3, 4, 5), 9),
        ("2.Parallel.b.1.Dropout", "dropout 0.5", (2, 4, 5), 0),
    ]
    assert sum(line["parameters"] for line in lines) == net.vector.values.size == 71
