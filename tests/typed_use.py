"""A user's program as a type checker sees it: ``mypy`` reads this file in its strict mode, nothing runs it."""

from typing import TYPE_CHECKING

import numpy as np

import minicnn as mc
from minicnn.typing import Array, Pair, Seed, Shape

if TYPE_CHECKING:
    from typing_extensions import assert_type


class Square(mc.Layer):
    """y = x²."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return x**2

    def backward(self, dy: Array) -> Array:
        """dx = 2 x dy."""
        return 2 * self.x * dy


def network(kernel_size: Pair = 5, rng: Seed = 0) -> mc.Sequential:
    layers = {"C1": mc.Conv2d(1, 6, kernel_size, rng=rng), "square": Square(), "flat": mc.Flatten()}
    return mc.Sequential({**layers, "F": mc.Linear(6 * 24 * 24, 10)}, preprocess=mc.data.UNIT)


def answers(images: Array, shape: Shape = (1, 28, 28)) -> str:
    net = network((5, 5), np.random.default_rng(0)).to("numpy", "float32").eval()
    assert_type(net, mc.Sequential)
    assert_type(net["C1"], mc.Layer)
    assert_type(net.predict(images), Array)
    assert_type([p.grad for p in net.parameters()], list[Array])
    assert_type(net.state_dict(), dict[str, Array])

    loss, optimizer = mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    assert_type(loss.forward(net.outputs(images), [3]), float)
    net.backward(loss.backward())
    optimizer.step()

    report = mc.gradcheck(Square(), np.ones((3, 2)))
    assert_type(report.passed, bool)
    assert_type(report["x"].error, float)

    trace = mc.inspect.trace(net, images, [3], loss)
    assert_type(trace["C1"].gradients, dict[str, Array])
    net.forward("no array")  # type: ignore[arg-type]
    mc.Conv2d(1, 6)  # type: ignore[call-arg]

    train, test = mc.data.load_sample()
    log = mc.training.fit(mc.models.lenet5(), loss, optimizer, train, test, epochs=1, checkpoint="run.npz")
    assert_type(len(log), int)
    assert_type(mc.training.evaluate(net, test).error_rate, float)
    return net.summary(shape)
