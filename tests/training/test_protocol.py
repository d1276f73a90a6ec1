"""A loss and an optimizer of one's own: what is asked of them, and that it is asked before training begins."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.training import evaluate, fit


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(96)), test.subset(slice(40))


def network(dtype="float32"):
    return mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0, dtype=dtype)], preprocess=mc.data.UNIT)


class Squares:
    """Mean over the batch of sum_i (z_i - t_i)², t 1 for the label and 0 else: no class of minicnn's."""

    def forward(self, outputs, labels):
        self.difference = outputs.copy()
        self.difference[labels, np.arange(len(labels))] -= 1
        return (self.difference**2).sum() / len(labels)

    def backward(self):
        return 2 * self.difference / self.difference.shape[1]


class Plain:
    """Gradient descent, no class of minicnn's."""

    def __init__(self, net, lr):
        self.net, self.lr = net, lr

    def step(self):
        self.net.vector.values[...] -= self.net.dtype.type(self.lr) * self.net.vector.grads


def run(digits, loss=None, optimizer=None, net=None, **how):
    net = net or network()
    loss, optimizer = loss or Squares(), optimizer or Plain(net, 0.002)
    return net, fit(net, loss, optimizer, *digits, epochs=2, batch_size=16, progress=False, **how)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loss_and_an_optimizer_that_know_nothing_of_minicnn(digits, dtype):
    net, history = run(digits, net=network(dtype))
    assert history[1]["train_loss"] < history[0]["train_loss"]
    assert evaluate(net, digits[1], Squares()).loss == pytest.approx(history[1]["test_loss"], rel=1e-6)
    assert mc.gradcheck(Squares(), np.random.default_rng(0).standard_normal((10, 4)), labels=[1, 2, 3, 9])


class Summed(Squares):
    reduction = "sum"

    def forward(self, outputs, labels):
        return len(labels) * super().forward(outputs, labels)

    def backward(self):
        return super().backward() * self.difference.shape[1]


def test_a_sum_is_reported_as_a_mean(digits):
    _, mean = run(digits, Squares(), net=(net := network()), optimizer=Plain(net, 1e-9))
    _, total = run(digits, Summed(), net=(net := network()), optimizer=Plain(net, 1e-9))
    assert total[0]["train_loss"] == pytest.approx(mean[0]["train_loss"], rel=1e-5)
    assert total[0]["test_loss"] == pytest.approx(mean[0]["test_loss"], rel=1e-5)


def test_own_state_in_checkpoints(digits, tmp_path):
    class Heavy(mc.optim.Optimizer):
        """w <- w - lr v, v the sum of all gradients so far."""

        state = ("v", "count")

        def __init__(self, parameters, lr):
            super().__init__(parameters, lr)
            self.v, self.count = self.zeros(), 0

        def step(self):
            self.count += 1
            for (w, g), v in zip(self.stretches, self.v):
                v += g
                w -= self.lr * v

        def report(self):
            return {"count": self.count}

    def train(epochs, **how):
        net = network()
        return net, fit(net, Squares(), Heavy(net.parameters(), 1e-3), *digits, epochs=epochs, progress=False, **how)

    whole, history = train(3)
    train(2, checkpoint=tmp_path / "c.npz")
    resumed, again = train(3, resume=tmp_path / "c.npz")
    assert np.array_equal(whole.vector.values, resumed.vector.values)
    assert [r["count"] for r in history] == [r["count"] for r in again] == [2, 4, 6]


def without(method, base=Squares):
    return type("Half", (base,), {method: None})()


def says(method, value, base=Squares):
    return type("Wrong", (base,), {method: lambda self, *a: value})()


@pytest.mark.parametrize(
    "loss, error, words",
    [
        (mc.losses.CrossEntropyLoss, TypeError, "loss must be an object, got the class CrossEntropyLoss: call it"),
        (without("backward"), TypeError, "loss must have forward and backward, Half has no backward"),
        (says("forward", None), TypeError, "loss: Wrong.forward must return a number, got NoneType"),
        (says("forward", np.ones(3)), TypeError, "loss: Wrong.forward must return a number, got ndarray"),
        (says("backward", 1.0), TypeError, "loss: Wrong.backward must return an array, got float"),
        (says("backward", np.ones((10, 1), "float32")), ValueError,
         r"return the outputs' shape and dtype, \(10, 2\) float32, got \(10, 1\) float32"),
        (says("backward", np.ones((10, 2))), ValueError, r"\(10, 2\) float32, got \(10, 2\) float64"),
        (type("Odd", (Squares,), {"reduction": "median"})(), ValueError, "loss.reduction must be 'mean' or 'sum'"),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_trained_on(digits, loss, error, words):
    net = network()
    before = net.vector.values.copy()
    with pytest.raises(error, match=words):
        run(digits, loss, net=net)
    assert np.array_equal(net.vector.values, before)


@pytest.mark.parametrize(
    "make, how, error, words",
    [
        (lambda net: mc.optim.SGD, {}, TypeError, "optimizer must be an object, got the class SGD: call it"),
        (lambda net: object(), {}, TypeError, "optimizer must have step, object has no step"),
        (lambda net: Plain(net, None), {}, TypeError, "optimizer must have a learning rate lr, Plain has none"),
        (lambda net: Plain(net, 0.1), {"checkpoint": "c.npz"}, TypeError,
         "optimizer must have step and state_dict and load_state_dict, Plain has no state_dict"),
        (lambda net: mc.optim.SGD(network().parameters(), 0.1), {}, ValueError,
         "optimizer trains none of the network's parameters"),
    ],
)  # fmt: skip
def test_an_optimizer_that_cannot_train(digits, make, how, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = network()
    with pytest.raises(error, match=words):
        run(digits, optimizer=make(net), net=net, **how)
    assert not list(tmp_path.iterdir())


def test_a_network_without_parameters_has_nothing_to_train(digits):
    net = mc.Sequential([mc.Flatten()], preprocess=mc.data.UNIT)
    with pytest.raises(ValueError, match="network has no parameters: there is nothing to train"):
        run(digits, optimizer=Plain(net, 0.1), net=net)


def test_a_loss_for_logits_is_warned_of_where_outputs_are_distances(digits):
    words = r"distances \(RBF, 10 units: the smallest wins\), CrossEntropyLoss is for logits .* error of 100 %"
    net = mc.models.lenet5(rng=0)
    with pytest.warns(UserWarning, match=words) as caught:
        run(digits, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.01), net)
    assert [warning.filename for warning in caught] == [__file__]  # the line that called fit
    before = net.vector.values.copy()
    with pytest.raises(UserWarning, match=words):  # where warnings are errors, before anything is trained
        run(digits, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.01), net)
    assert np.array_equal(net.vector.values, before)
    for loss in (mc.losses.RBFLoss(), mc.losses.MAPLoss()):
        run(digits, loss, mc.optim.SGD(net.parameters(), 0.0001), net)
