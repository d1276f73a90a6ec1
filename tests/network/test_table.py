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
