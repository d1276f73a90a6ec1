"""LeNet-5 on one page says what the engine says, and trains."""

import ast
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

PAGE = Path(__file__).parents[2] / "examples" / "by_hand.py"


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("by_hand", PAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(slice(12))


def engine(page, weights):
    """The engine's LeNet-5 with the page's weights."""
    net = mc.models.lenet5(dtype="float64")
    pairs = net["C3"].pairs
    for name, (W, b) in weights.items():
        values = W.reshape(16, 6, 5, 5)[tuple(pairs)] if name == "C3" else W
        for parameter, value in zip(net[name].parameters(), (values, b)):
            parameter.value[...] = value.reshape(parameter.shape)
    return net


def in_engine_order(net, name, gradients):
    """(dW, db) of the page in the shapes of the engine's parameters."""
    dW, db = gradients
    if name == "C3":
        dW = dW.reshape(16, 6, 5, 5)[tuple(net["C3"].pairs)]
    return [g.reshape(p.shape) for g, p in zip((dW, db), net[name].parameters())]


def test_it_is_one_page_that_takes_nothing_but_numpy_and_the_digits():
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert max(map(len, text.splitlines())) <= 120
    nodes = ast.walk(ast.parse(text))
    imports = [ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imports == ["import numpy as np", "from minicnn.data import load_sample"]


def test_its_table_and_its_drawings_are_those_of_the_engine(page):
    net = mc.models.lenet5()
    table = page.TABLE_I.reshape(16, 6, 25)
    assert [tuple(np.flatnonzero(row[:, 0])) for row in table] == [tuple(maps) for maps in net["C3"].table]
    np.testing.assert_array_equal(page.PROTOTYPES, net["output"].prototypes)


def test_its_loss_and_all_its_gradients_are_those_of_the_engine(page, digits):
    weights = page.start(np.random.default_rng(3))
    assert sum(W.size + b.size for W, b in weights.values()) - 25 * (16 * 6 - 60) == 60_000
    net, loss = engine(page, weights), mc.losses.MAPLoss(j=10)
    x, labels = page.pictures(digits)
    np.testing.assert_allclose(x, net.input(digits.images), rtol=0, atol=1e-15)
    expected = loss.forward(net.forward(x), labels)
    net.backward(loss.backward())
    E, gradients, read = page.backprop(weights, x, labels)
    assert E == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(read, net.predict(digits.images))
    for name in weights:
        for parameter, got in zip(net[name].parameters(), in_engine_order(net, name, gradients[name])):
            np.testing.assert_allclose(got, parameter.grad, rtol=0, atol=1e-12 * abs(parameter.grad).max())


def test_what_is_not_connected_has_no_gradient(page, digits):
    gradients = page.backprop(page.start(np.random.default_rng(0)), *page.pictures(digits))[1]
    assert not gradients["C3"][0][~page.TABLE_I].any()


def test_its_way_of_training_is_the_default_recipe(page, digits):
    """Three batches, momentum and weight decay in each."""
    recipe = mc.training.RECIPES["default"]
    weights = page.start(np.random.default_rng(1))
    net, loss = engine(page, weights), recipe.make_loss()
    optimizer = recipe.make_optimizer(net.parameters())
    x, labels = page.pictures(digits)
    for batch in np.split(np.random.default_rng(5).permutation(len(labels)), 3):
        loss.forward(net.forward(x[..., batch]), labels[batch])
        net.backward(loss.backward())
        optimizer.step()
    page.train(weights, digits, digits, np.random.default_rng(5), epochs=1, size=4)
    for name in weights:
        for parameter, got in zip(net[name].parameters(), in_engine_order(net, name, weights[name])):
            np.testing.assert_allclose(got, parameter.value, rtol=0, atol=1e-12)


def test_its_gradient_check_agrees_for_every_layer(page, digits, capsys):
    page.gradient_check(page.start(np.random.default_rng(0)), *page.pictures(digits), np.random.default_rng(1))
    lines = capsys.readouterr().out.splitlines()
    pairs = [re.findall(r"(-?\d+\.\d+) by", line) for line in lines]
    assert [line.split(":")[0] for line in lines] == ["C1", "S2", "C3", "S4", "C5", "F6"]
    for by_hand, by_differences in pairs:
        assert float(by_hand) == pytest.approx(float(by_differences), rel=1e-5, abs=2e-6)


@pytest.mark.slow
def test_it_learns(page, capsys):
    train, test = mc.data.load_sample()
    few = train.subset(np.arange(0, len(train), 8))
    page.train(page.start(np.random.default_rng(0)), few, test.subset(slice(0, 1000, 5)), np.random.default_rng(0),
               epochs=4, size=16)  # fmt: skip
    errors = [float(percent) for percent in re.findall(r"test error ([\d.]+)%", capsys.readouterr().out)]
    assert len(errors) == 4
    assert errors[-1] < 20
