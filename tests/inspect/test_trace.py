"""What ``trace`` returns is what the network computes, and the network is left alone."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.inspect import trace

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4])


def small(rng=0, **how):
    return mc.Sequential({
        "conv": mc.Conv2d(1, 2, 3, rng=rng, **how), "tanh": mc.Tanh(), "pool": mc.MaxPool2d(2),
        "flat": mc.Flatten(), "out": mc.Linear(8, 4, rng=rng, **how),
    })  # fmt: skip


def test_every_layer_with_its_input_output_and_gradients(backend):
    net = mc.models.lenet5(rng=0, backend=backend)
    t = trace(net, IMAGES, LABELS)
    host = net.backend.to_numpy

    loss = mc.losses.RBFLoss().to(net.backend)
    outputs = net.forward(net.input(IMAGES))
    assert t.loss == pytest.approx(loss.forward(outputs, net.backend.asarray(LABELS)), rel=1e-6)
    dx = net.backward(loss.backward())

    assert [layer.name for layer in t] == [layer.name for layer in net]
    assert np.array_equal(t.outputs, host(outputs))
    assert np.array_equal(t[0].input_gradient, host(dx))
    assert np.array_equal(t.predictions, host(outputs).argmin(axis=0))
    for p in net.parameters():
        layer = t[p.name.split(".")[0]]
        assert np.array_equal(layer.gradients[p.name], host(p.grad))
        assert np.array_equal(layer.values[p.name], host(p.value))
    for before, after in zip(t.layers, t.layers[1:]):
        assert np.array_equal(before.output, after.input)
        assert np.array_equal(before.output_gradient, after.input_gradient)
    arrays = [t.saliency, *(a for layer in t for a in (layer.input, layer.output, layer.input_gradient))]
    assert all(type(a) is np.ndarray for a in arrays)


def test_the_network_is_left_as_it_was(backend):
    net = mc.models.lenet5(rng=0, backend=backend)
    x = net.input(IMAGES[:1])
    y = net.forward(x)
    net.backward(y * 0 + 1)
    host = net.backend.to_numpy
    before = host(net.vector.values).copy(), host(net.vector.grads).copy()
    given = host(x).copy()
    trace(net, IMAGES, LABELS)
    trace(net, x, 3)
    assert np.array_equal(before[0], host(net.vector.values))
    assert np.array_equal(before[1], host(net.vector.grads))
    assert np.array_equal(given, host(x))


def test_gradients_agree_with_differences():
    net, x, h = small(dtype="float64"), RNG.standard_normal((1, 6, 6, 2)), 1e-6
    labels, loss = np.array([0, 3]), mc.losses.CrossEntropyLoss()
    t = trace(net, x, labels)
    for index in [(0, 1, 1, 0), (0, 3, 4, 1)]:
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        slope = (loss.forward(net.forward(up), labels) - loss.forward(net.forward(down), labels)) / (2 * h)
        assert t[0].input_gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-9)
        n = index[-1]
        score = (net.forward(up) - net.forward(down))[labels[n], n] / (2 * h)
        assert t.saliency[index] == pytest.approx(score, rel=1e-5, abs=1e-9)


def test_saliency_of_distances_is_the_slope_of_their_negative(backend):
    net = mc.models.lenet5(rng=1, dtype="float64", backend=backend)
    x, h = net.backend.to_numpy(net.input(IMAGES[:1])).copy(), 1e-4
    t = trace(net, IMAGES[0], 7)
    assert not t.larger_wins
    index = np.unravel_index(abs(t.saliency).argmax(), x.shape)
    up, down = x.copy(), x.copy()
    up[index] += h
    down[index] -= h
    distances = [net.backend.to_numpy(net.forward(net.backend.asarray(a)))[7, 0] for a in (up, down)]
    assert t.saliency[index] == pytest.approx(-(distances[0] - distances[1]) / (2 * h), rel=1e-5)


def test_saturated_units_are_those_on_a_flat_slope(backend):
    flat = np.array([0.0, 1.0, 2.7, 2.8, -50.0, 50.0])  # tanh's slope 1 - tanh² falls below 0.1 at |S a| = 1.8184
    net = mc.Sequential({"squash": mc.ScaledTanh()}).to(backend, "float64")
    x = net.backend.asarray(flat.reshape(6, 1))
    assert trace(net, x, 0)["squash"].saturated == pytest.approx(3 / 6)
    net = mc.Sequential({"relu": mc.ReLU()}).to(backend)
    assert trace(net, x, 0)["relu"].saturated == pytest.approx(2 / 6)  # off at 0 and below
    net = mc.Sequential({"sigmoid": mc.Sigmoid()}).to(backend)
    assert trace(net, x, 0)["sigmoid"].saturated == pytest.approx(2 / 6)


def test_the_table_says_it_in_a_line_a_layer():
    net = mc.models.lenet5(rng=0)
    t = trace(net, IMAGES[0], 3)
    lines = str(t).splitlines()
    assert lines[0].split() == ["layer", "output", "mean", "std", "min", "max", "|dL/dy|", "|dL/dw|", "saturated"]
    assert len(lines) == len(net) + 5  # head, input, a layer each, two rules, verdict
    c1 = next(line for line in lines if line.startswith("C1 "))
    output = t["C1"].output
    assert c1.split() == ["C1", "28x28x6", *(f"{float(v):.3g}" for v in (output.mean(), output.std(), output.min(),
                          output.max())), f"{np.linalg.norm(t['C1'].output_gradient.astype(float)):.2e}",
                          f"{t['C1'].gradient_norm:.2e}"]  # fmt: skip
    assert lines[-1].startswith("loss ") and f"read as {t.predictions[0]}" in lines[-1]
    assert max(map(len, lines)) <= 100
    assert "of 3 samples read rightly" in str(trace(net, IMAGES, LABELS))


def test_gradient_norm_is_that_of_all_parameters():
    layer = trace(small(), RNG.standard_normal((1, 6, 6, 2)).astype(np.float32), [0, 1])["out"]
    flat = np.concatenate([g.ravel() for g in layer.gradients.values()])
    assert layer.gradient_norm == pytest.approx(np.linalg.norm(flat), rel=1e-6)


def test_a_sequential_within_is_listed_layer_by_layer():
    inner = mc.Sequential({"a": mc.Linear(5, 4, rng=0), "b": mc.Tanh()})
    net = mc.Sequential({"block": inner, "out": mc.Linear(4, 3, rng=0)})
    t = trace(net, RNG.standard_normal((5, 2)).astype(np.float32), [0, 2])
    assert [layer.name for layer in t] == ["block.a", "block.b", "out"]
    assert t["block.a"].input_gradient.shape == (5, 2)


def test_kernels_and_connections_of_convolutions_only():
    t = trace(mc.models.lenet5(rng=0), IMAGES[0], 3)
    assert t["C3"].kernels.shape == (16, 6, 5, 5)
    assert t["C3"].connections[0] == [0, 1, 2]
    assert not t["C3"].kernels[0, 3].any()
    assert t["C1"].connections is None
    assert t["S2"].kernels is None


def test_any_loss_that_takes_labels():
    net = mc.models.lenet5(rng=0)
    loss = mc.losses.MAPLoss(j=2.0)
    t = trace(net, IMAGES, LABELS, loss)
    assert t.loss == pytest.approx(loss.forward(net.forward(net.input(IMAGES)), LABELS))
    fresh = mc.losses.MAPLoss(j=2.0)
    trace(net, IMAGES, LABELS, fresh)
    with pytest.raises(RuntimeError):
        fresh.backward()  # the trace used a copy


def test_a_layer_of_ones_own_is_traced_too():
    class Square(mc.Layer):
        activation = True

        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * self.x * dy

    t = trace(mc.Sequential({"square": Square()}), np.array([[0.1], [3.0]]), 1)
    assert np.array_equal(t["square"].input_gradient, 2 * t.input * t["square"].output_gradient)


@pytest.mark.parametrize("x, label, error, words", [
    ([[1, 2]], 0, TypeError, "x must be an array"),
    (IMAGES[None], 0, ValueError, "uint8 image"),
    (IMAGES, 3, ValueError, "one number for each sample of x, 3"),
    (IMAGES, [1, 2], ValueError, "one number for each sample"),
    (IMAGES[0], 2.5, TypeError, "label must be an integer"),
    (IMAGES[0], "3", TypeError, "label must be an integer"),
    (IMAGES[0], 10, ValueError, "labels must lie in 0..9"),
    (IMAGES[0], -1, ValueError, "labels must lie in 0..9"),
    (IMAGES[:0], [], (TypeError, ValueError), "empty"),
    (np.zeros((1, 28, 28, 1), np.float32), 3, ValueError, "C5"),
])  # fmt: skip
def test_arguments_that_make_no_sense(x, label, error, words):
    with pytest.raises(error, match=words):
        trace(mc.models.lenet5(rng=0), x, label)


def test_only_networks_can_be_traced():
    with pytest.raises(TypeError, match="Sequential"):
        trace(mc.Linear(2, 2), np.zeros((2, 1), np.float32), 0)


def test_an_unknown_layer_is_a_key_error_that_lists_the_others():
    with pytest.raises(KeyError, match="C1, C1 squash"):
        trace(mc.models.lenet5(rng=0), IMAGES[0], 3)["C2"]
