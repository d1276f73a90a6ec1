"""Parameters by name, in memory and on disk."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import CheckpointError


def test_state_dict_round_trip_and_refusals():
    net, other = mc.models.lenet5(rng=0), mc.models.lenet5(rng=1)
    state = net.state_dict()
    other.load_state_dict(state)
    assert np.array_equal(net.vector.values, other.vector.values)
    state["C1.weight"][...] = 0
    assert (net["C1"].weight.value != 0).any()
    with pytest.raises(CheckpointError, match=r"F7\.weight not in this network"):
        other.load_state_dict({**state, "F7.weight": np.ones(3)})


def test_save_and_load(tmp_path):
    net, other = mc.models.lenet5(rng=0), mc.models.lenet5(rng=1, dtype="float64")
    net.save(tmp_path / "net.npz")
    assert other.load(tmp_path / "net.npz") is other
    assert other.dtype == np.float64 and np.array_equal(other.vector.values, net.vector.values)
    with pytest.raises(CheckpointError, match=r"net\.npz is of another architecture: conv1\.weight"):
        mc.models.lenet_modern(rng=0).load(tmp_path / "net.npz")


def test_what_a_convolution_or_pooling_is_set_to_makes_no_other_file(tmp_path):
    """Groups have PyTorch's shape; dilation, padding and slopes are the network's, not its state's."""

    def network(seed):
        how = {"rng": np.random.default_rng(seed)}
        return mc.Sequential({
            "C1": mc.Conv2d(1, 4, 3, dilation=2, **how), "P1": mc.MaxPool2d(3, padding=1, ceil_mode=True),
            "C2": mc.Conv2d(4, 6, 2, groups=2, **how), "leak": mc.LeakyReLU(0.1), "mean": mc.GlobalAvgPool2d(),
        })  # fmt: skip

    net, other, x = network(0), network(1), np.random.default_rng(2).standard_normal((1, 9, 9, 3)).astype("float32")
    net.save(tmp_path / "net.npz")
    assert np.array_equal(other.load(tmp_path / "net.npz").forward(x), net.forward(x))
    assert {name: a.shape for name, a in net.state_dict().items()} == {
        "C1.weight": (4, 1, 3, 3), "C1.bias": (4,), "C2.weight": (6, 2, 2, 2), "C2.bias": (6,),
    }  # fmt: skip


def test_nothing_changes_where_a_shape_is_another():
    net = mc.models.lenet5(rng=0)
    before = net.vector.values.copy()
    with pytest.raises(CheckpointError, match=r"F6\.bias is \(3,\), this network has \(84,\)"):
        net.load_state_dict({**mc.models.lenet5(rng=1).state_dict(), "F6.bias": np.ones(3)})
    assert np.array_equal(net.vector.values, before)


def test_a_state_dict_keeps_the_fields_own_order_of_weights():
    """(C_out, C_in, KH, KW) as in PyTorch, and one kernel for each connected pair in table order."""
    net = mc.Sequential({
        "whole": mc.Conv2d(2, 3, (1, 2), rng=0), "table": mc.Conv2d(3, 2, 2, connections=[[2, 0], [1]], rng=0),
    })  # fmt: skip
    state = net.state_dict()
    assert state["whole.weight"].shape == (3, 2, 1, 2) and state["table.weight"].shape == (3, 2, 2)
    kernels = np.arange(12.0).reshape(3, 2, 2)
    net.load_state_dict({**state, "table.weight": kernels})
    dense = net["table"].dense_weight()
    for (o, c), kernel in zip([(0, 2), (0, 0), (1, 1)], kernels):
        assert np.array_equal(dense[o, c], kernel)
