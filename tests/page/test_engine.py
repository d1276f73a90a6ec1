"""The engine in JavaScript computes what minicnn computes: float32 in both, so to a few units of its last place.

Sums of float32 numbers in another order differ by some 1e-6 of the largest term; tolerances below are relative to the
largest element of an array. Ten steps multiply that.
"""

import numpy as np
import pytest

import minicnn as mc
from minicnn.data.drawing import as_mnist, ink_of_picture
from minicnn.models.lenet5 import TABLE_I

TOLERANCE = 3e-6
"""Of the largest element: in one forward, one backward, one step."""
AFTER_TEN = 1e-4
"""In losses and weights after ten steps; ten times that in the gradients there."""


def agree(found, expected, tolerance=TOLERANCE):
    expected = np.asarray(expected, np.float64).ravel()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


CLOTHES = mc.data.catalogue.SETS["fashion-mnist"].classes

LAYERS = {
    "one map": ("Conv2d", [1, 6, 5], lambda rng: mc.Conv2d(1, 6, 5, rng=rng), (1, 32, 32)),
    "Table I": ("Conv2d", [6, 16, 5, TABLE_I], lambda rng: mc.Conv2d(6, 16, 5, connections=TABLE_I, rng=rng),
                (6, 14, 14)),
    "all maps": ("Conv2d", [16, 120, 5], lambda rng: mc.Conv2d(16, 120, 5, rng=rng), (16, 5, 5)),
    "odd": ("Conv2d", [3, 2, 3], lambda rng: mc.Conv2d(3, 2, 3, rng=rng), (3, 7, 4)),
    "subsampling": ("Subsampling", [6, 2], lambda rng: mc.Subsampling(6, rng=rng), (6, 28, 28)),
    "by three": ("Subsampling", [2, 3], lambda rng: mc.Subsampling(2, 3, rng=rng), (2, 6, 9)),
    "linear": ("Linear", [120, 84], lambda rng: mc.Linear(120, 84, rng=rng), (120,)),
    "squash": ("ScaledTanh", [], lambda rng: mc.ScaledTanh(), (16, 5, 5)),
    "flatten": ("Flatten", [], lambda rng: mc.Flatten(), (120, 1, 1)),
    "rbf": ("RBF", ["prototypes"], lambda rng: mc.models.lenet5(rng=0)["output"], (84,)),
    "rbf of codes": ("RBF", ["codes"], lambda rng: mc.models.lenet5(CLOTHES, rng=0)["output"], (84,)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_forward_and_backward(node, name, tmp_path):
    kind, settings, make, shape = LAYERS[name]
    rng = np.random.default_rng(3)
    layer = make(rng)
    x = rng.standard_normal((*shape, 1)).astype("float32")
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype("float32")
    dx = layer.backward(dy)
    arrays = {f"{name}.x": x[..., 0], f"{name}.dy": dy[..., 0]}
    arrays |= {"codes": layer.prototypes} if kind == "RBF" else {}
    arrays |= {p.name.rpartition(".")[2]: p.value for p in layer.parameters()}
    names = [p.name.rpartition(".")[2] for p in layer.parameters()]
    task = {"do": "layer", "name": name, "kind": kind, "settings": settings, "parameters": names}
    found = node([task], arrays, tmp_path)
    agree(found[f"{name}.y"], y)
    agree(found[f"{name}.dx"], dx)
    for p, short in zip(layer.parameters(), names):
        agree(found[f"{name}.d{short}"], p.grad)


LOSSES = {
    "equation 8": ("RBFLoss", [], mc.losses.RBFLoss), "softmax": ("MAPLoss", [None], mc.losses.MAPLoss),
    "equation 9": ("MAPLoss", [10], lambda: mc.losses.MAPLoss(10)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("label", [0, 7])
def test_both_criteria_and_their_gradients_at_near_and_far_distances(node, name, label, tmp_path):
    kind, settings, make = LOSSES[name]
    for size in (5, 500):
        outputs = size * np.random.default_rng(1).random((10, 1)).astype("float32")
        loss = make()
        value = loss.forward(outputs, np.array([label]))
        task = {"do": "loss", "name": "L", "kind": kind, "settings": settings, "label": label}
        found = node([task], {"L.y": outputs[:, 0]}, tmp_path)
        assert np.isclose(found["L.E"][0], value, rtol=TOLERANCE, atol=size * TOLERANCE)
        agree(found["L.dy"], loss.backward())


@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_200_digits_are_read_alike(node, digits, weights, tmp_path):
    net = mc.models.lenet5(pretrained=True) if weights == "pretrained" else mc.models.lenet5(rng=5)
    images = digits.images[:200]
    found = node([{"do": "read", "name": "net"}], {"net": net.vector.values, "images": images}, tmp_path)
    outputs = found["net.outputs"].reshape(200, 10)
    agree(outputs.ravel(), net.outputs(images, batch_size=200).T)
    assert np.array_equal(outputs.argmin(axis=1), net.predict(images))


@pytest.mark.parametrize("weights", ["pretrained", "random"])
@pytest.mark.parametrize("kind, settings, make", LOSSES.values(), ids=LOSSES)
def test_gradients_one_step_and_ten(node, digits, weights, kind, settings, make, tmp_path):
    random = mc.models.lenet5(init=mc.initialisers.uniform_fan_in, rng=5)
    net = mc.models.lenet5(pretrained=True) if weights == "pretrained" else random
    loss, optimizer, lr = make(), mc.optim.SGD(net.parameters(), 0.001), 0.001
    arrays = {"net": net.vector.values.copy(), "images": digits.images[:10], "labels": digits.labels[:10] ^ 1}
    task = {"do": "train", "name": "net", "kind": kind, "settings": settings, "lr": lr, "steps": 10}
    found = node([task], arrays, tmp_path)
    losses = []
    for i in range(10):
        x = net.input(arrays["images"][i : i + 1])
        losses.append(loss.forward(net.forward(x), arrays["labels"][i : i + 1]))
        dx = net.backward(loss.backward())
        if i == 0:
            agree(found["net.gradients"], net.vector.grads)
        optimizer.step()
        if i == 0:
            agree(found["net.1"], net.vector.values)
    agree(found["net.losses"], losses, AFTER_TEN)
    agree(found["net.10"], net.vector.values, AFTER_TEN)
    agree(found["net.dx"], dx, 10 * AFTER_TEN)


def test_random_weights_start_within_one_over_the_root_of_the_fan_in(node, tmp_path):
    net = mc.models.lenet5(rng=0)
    begun = [node([{"do": "begin", "name": "net", "seed": seed}], {"net": net.vector.values}, tmp_path)["net.begin"]
             for seed in (1, 1, 2)]  # fmt: skip
    assert np.array_equal(begun[0], begun[1]) and not np.isclose(begun[0], begun[2]).any()
    net.vector.values[...] = begun[0]
    table = np.repeat([len(maps) for maps in TABLE_I], [len(maps) for maps in TABLE_I])
    fans = {"C1": 25, "S2": 4, "C3": 25 * table[:, None, None], "S4": 4, "C5": 400, "F6": 120}
    for name, fan in fans.items():
        weight, bias = net[name].parameters()
        shares = np.abs(weight.value) * np.sqrt(fan)
        assert 0.5 < shares.max() <= 1 + 1e-6
        biases = np.abs(bias.value) * np.sqrt(25 * np.array([len(maps) for maps in TABLE_I]) if name == "C3" else fan)
        assert 0.5 < biases.max() <= 1 + 1e-6


def shaded(image, enlarge=3):
    """A digit drawn in dark ink on paper that lies half in shade."""
    ink = np.pad(np.kron(image, np.ones((enlarge, enlarge))), 9) / 255
    paper = np.linspace(220, 110, ink.shape[1])
    noise = np.random.default_rng(0).normal(0, 4, ink.shape)
    return (paper * (1 - 0.7 * ink) + noise).clip(0, 255).astype(np.uint8)


def test_pictures_become_the_same_digits_as_in_python(node, digits, tmp_path):
    arrays = {f"{i}": shaded(image) for i, image in enumerate(digits.images[:8])}
    arrays |= {f"plain{i}": image for i, image in enumerate(digits.images[8:12])}
    arrays |= {"wide": np.random.default_rng(2).integers(0, 256, (9, 40), dtype=np.uint8)}
    arrays |= {"empty": np.zeros((5, 7), np.uint8)}
    found = node([{"do": "ink" if len(name) > 1 else "picture", "name": name} for name in arrays], arrays, tmp_path)
    for name, pixels in arrays.items():
        expected = pixels
        if len(name) == 1:
            expected = ink_of_picture(pixels)
            assert np.abs(found[f"{name}.ink"] - expected.ravel()).max() <= 1  # where a sum falls on a half
        assert np.abs(found[f"{name}.digit"] - as_mnist(expected).ravel().astype(int)).max() <= 1


def test_lines_become_digits_of_one_size_centred_wherever_and_however_large_they_were_drawn(node, shipped, tmp_path):
    seven = np.array([[0.2, 0.1], [0.8, 0.1], [0.4, 0.9]])
    sizes = {"large": seven, "small": 0.12 * seven + 0.7, "narrow": seven * [0.3, 1]}
    upright = np.array([[0.5, 0.3], [0.5, 0.6]])
    lines = {name: [line.tolist()] for name, line in sizes.items()} | {"one": [upright.tolist()], "none": []}
    lines["dot"] = [[[0.3, 0.3]]]
    found = node([{"do": "lines", "name": name, "lines": each} for name, each in lines.items()], {}, tmp_path)
    images = {name: found[f"{name}.digit"].reshape(28, 28).astype(np.uint8) for name in lines}
    assert np.array_equal(images["large"], images["small"]) and not images["none"].any()
    for name in ("large", "narrow", "one"):
        rows, columns = (np.flatnonzero(images[name].max(axis=axis) > 127) for axis in (1, 0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        mass = images[name] / images[name].sum()
        assert abs((mass.sum(axis=1) * np.arange(28)).sum() - 13.5) < 0.3
        assert abs((mass.sum(axis=0) * np.arange(28)).sum() - 13.5) < 0.3
    read = shipped.predict(np.stack([images[name] for name in ("large", "small", "one")]))
    assert read.tolist() == [7, 7, 1]
    assert 4 <= (images["dot"] > 127).sum() <= 9
