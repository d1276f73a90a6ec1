"""Both whole networks against PyTorch: outputs, losses, every gradient and some steps of training."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.models.lenet5 import TABLE_I

torch = pytest.importorskip("torch")
F = torch.nn.functional

BATCH = 4


@pytest.fixture(scope="module")
def twin():
    """The module that builds LeNet-5 in PyTorch, which the timings use too."""
    path = Path(__file__).parents[1] / "benchmarks" / "torch_lenet5.py"
    spec = importlib.util.spec_from_file_location("torch_lenet5", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batch(shape, seed=0):
    """(x, its PyTorch form, labels)"""
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((*shape, BATCH)), rng.integers(0, 10, BATCH)
    return x, torch.from_numpy(np.moveaxis(x, -1, 0).copy()), labels


def close(a, tensor, name=""):
    np.testing.assert_allclose(a, tensor.detach().numpy(), rtol=1e-9, atol=1e-10, err_msg=name)


def train(net, criterion, model, model_loss, shape, lr):
    """Both take three steps on the same batches; compares outputs, loss and x's gradient at each."""
    sgd = mc.optim.SGD(net.parameters(), lr, momentum=0.9)
    torch_sgd = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    for step in range(3):
        x, tx, labels = batch(shape, seed=step)
        tx.requires_grad_()
        outputs, torch_outputs = net.forward(x), model(tx)
        close(outputs.T, torch_outputs)
        loss, torch_loss = criterion.forward(outputs, labels), model_loss(torch_outputs, torch.from_numpy(labels))
        assert loss == pytest.approx(torch_loss.item(), rel=1e-11)
        dx = net.backward(criterion.backward())
        torch_sgd.zero_grad()
        torch_loss.backward()
        close(np.moveaxis(dx, -1, 0), tx.grad)
        yield
        sgd.step()
        torch_sgd.step()
    yield


def test_lenet5(twin):
    net = mc.models.lenet5(rng=0, dtype="float64")
    model = twin.load_ours(twin.lenet5().double(), net)
    places = {"C1": 0, "S2": 2, "C3": 4, "S4": 6, "C5": 8, "F6": 11}

    def compare(value_or_grad):
        for name, place in places.items():
            for p in net[name].parameters():
                kind = p.name.split(".")[-1]
                tensor = getattr(model[place], kind)
                tensor = tensor if value_or_grad == "value" else tensor.grad
                mine = getattr(p, value_or_grad)
                if name == "C3" and kind == "weight":  # PyTorch masks a whole weight, ours has the kernels alone
                    pairs = [(o, c) for o, maps in enumerate(TABLE_I) for c in maps]
                    tensor = torch.stack([tensor[o, c] for o, c in pairs])
                close(mine, tensor.reshape(mine.shape), p.name)

    def map_loss(outputs, labels):
        return F.cross_entropy(-outputs, labels)

    for _ in train(net, mc.losses.MAPLoss(), model, map_loss, (1, 32, 32), lr=0.005):
        compare("grad")
    compare("value")


def test_lenet_modern():
    net = mc.models.lenet_modern(rng=0, dtype="float64")
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10),
    ).double()  # fmt: skip
    with torch.no_grad():
        for p, tensor in zip(net.parameters(), model.parameters()):
            tensor.copy_(torch.from_numpy(p.value.copy()))

    def summed(outputs, labels):
        return F.cross_entropy(outputs, labels, reduction="sum")

    for _ in train(net, mc.losses.CrossEntropyLoss("sum"), model, summed, (1, 28, 28), lr=0.001):
        for p, tensor in zip(net.parameters(), model.parameters()):
            close(p.grad, tensor.grad, p.name)
    for p, tensor in zip(net.parameters(), model.parameters()):
        close(p.value, tensor, p.name)


def test_float32_agrees_to_its_own_precision(twin):
    net = mc.models.lenet5(rng=0)
    model = twin.load_ours(twin.lenet5(), net)
    x, tx, _ = batch((1, 32, 32))
    y, ty = net.forward(x.astype("float32")), model(tx.float())
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.T, ty.detach().numpy(), rtol=1e-4)
