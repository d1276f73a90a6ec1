"""The gradient check runs where the layer's arrays are."""

import numpy as np
import pytest

import minicnn as mc


def maps(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("make, x", [
    (lambda: mc.Conv2d(2, 2, 3, padding=1, connections=[[0], [0, 1]], rng=0), maps(2, 3, 4, 2)),
    (lambda: mc.Conv2d(4, 2, 2, dilation=2, groups=2, rng=0), maps(4, 4, 3, 2)),
    (lambda: mc.MaxPool2d(2), maps(2, 4, 4, 2)),
    (lambda: mc.MaxPool2d(3, stride=2, padding=1, dilation=2, ceil_mode=True), maps(2, 4, 5, 2)),
    (lambda: mc.AvgPool2d(2, stride=3, padding=1, ceil_mode=True, count_include_pad=False), maps(2, 5, 4, 2)),
    (lambda: mc.Sequential([mc.AvgPool2d(2), mc.LeakyReLU(), mc.GlobalAvgPool2d()]), maps(2, 4, 4, 2)),
    (lambda: mc.Sequential([mc.Subsampling(1, rng=0), mc.ScaledTanh(), mc.Flatten(), mc.Linear(4, 2, rng=0)]),
     maps(1, 4, 4, 2)),
], ids=["Conv2d", "in groups", "MaxPool2d", "padded", "without the padding", "whole maps", "Sequential"])  # fmt: skip
def test_a_layer_on_another_backend(device, make, x):
    layer = make().to(device)
    del device.xp.launched[:]
    report = mc.gradcheck(layer, x)
    assert report, report
    assert device.xp.launched  # the kernels were under test, not NumPy
    assert str(report).splitlines()[1:3] == str(mc.gradcheck(make(), x)).splitlines()[1:3]  # the same table
    assert mc.gradcheck(layer, device.asarray(x))
    assert all(isinstance(p.value, device.xp.ndarray) and p.value.dtype == np.float32 for p in layer.parameters())


def test_a_wrong_layer_on_another_backend(device):
    class Wrong(mc.MaxPool2d):
        def backward(self, dy):
            return super().backward(dy) * 0.5

    report = mc.gradcheck(Wrong(2).to(device), maps(1, 4, 4, 1))
    assert not report and report["x"].wrong == 4  # the four winners


def test_losses_on_another_backend(device):
    y, targets = maps(4, 3), maps(4, 3)[::-1].copy()
    assert mc.gradcheck(mc.losses.MAPLoss(2.0).to(device), y, labels=[0, 3, 1])
    assert mc.gradcheck(mc.losses.MSELoss().to(device), y, targets=targets)
