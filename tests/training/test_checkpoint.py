"""Checkpoints: whole or not at all, and never somebody else's."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import files
from minicnn.errors import CheckpointError
from minicnn.training import load_checkpoint, save_checkpoint


def net_and_optimizer(units=4, momentum=0.9):
    net = mc.Sequential({"a": mc.Linear(3, units, rng=0), "b": mc.Linear(units, 2, rng=1)})
    return net, mc.optim.SGD(net.parameters(), 0.1, momentum=momentum)


def write(path, net, optimizer):
    save_checkpoint(path, net, optimizer, {"epoch": 3}, {"samples": 5}, {"lr": 0.1})


@pytest.fixture
def saved(tmp_path):
    net, optimizer = net_and_optimizer()
    net.vector.grads[...] = np.arange(net.vector.grads.size)
    optimizer.step()
    write(tmp_path / "c.npz", net, optimizer)
    return tmp_path / "c.npz", net, optimizer


def test_everything_comes_back(saved):
    path, net, optimizer = saved
    other, its_optimizer = net_and_optimizer()
    assert load_checkpoint(path, other, its_optimizer) == ({"epoch": 3}, {"lr": 0.1})
    assert np.array_equal(other.vector.values, net.vector.values)
    assert np.array_equal(its_optimizer.velocities[0], optimizer.velocities[0])
    assert np.array_equal(net_and_optimizer()[0].load(path).vector.values, net.vector.values)


def test_another_architecture_is_refused_and_changes_nothing(saved):
    other, optimizer = net_and_optimizer(units=5)
    before = other.vector.values.copy()
    with pytest.raises(CheckpointError, match=r"c.npz is of another architecture: a.weight is \(4, 3\)"):
        load_checkpoint(saved[0], other, optimizer)
    with pytest.raises(CheckpointError, match=r"another architecture: C1\.weight, .* missing"):
        mc.models.lenet5(rng=0).load(saved[0])
    assert np.array_equal(before, other.vector.values)


def test_another_optimizer_is_refused_and_changes_nothing(saved):
    other, _ = net_and_optimizer()
    before = other.vector.values.copy()
    part_only = mc.optim.SGD(other["a"].parameters(), 0.1)
    with pytest.raises(CheckpointError, match="optimizer state"):
        load_checkpoint(saved[0], other, part_only)
    assert np.array_equal(before, other.vector.values)


def test_files_that_are_no_checkpoints(tmp_path, saved):
    net, optimizer = net_and_optimizer()
    for name, content in (("empty", b""), ("text", b"hello"), ("half", saved[0].read_bytes()[:700])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
            load_checkpoint(tmp_path / name, net, optimizer)
    np.savez(tmp_path / "foreign.npz", a=np.ones(3))
    with pytest.raises(CheckpointError, match="not one that minicnn wrote"):
        net.load(tmp_path / "foreign.npz")
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(CheckpointError):
        net.load(tmp_path / "array.npy")
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError):
        net.load(tmp_path / "pickle.npz")
    with pytest.raises(CheckpointError, match="no such file"):
        net.load(tmp_path / "missing.npz")
    net.save(tmp_path / "network.npz")
    with pytest.raises(CheckpointError, match="parameters only"):
        load_checkpoint(tmp_path / "network.npz", net, optimizer)


def test_saving_twice_keeps_the_old_file_if_the_disk_fails(saved, monkeypatch):
    path, net, optimizer = saved
    before = path.read_bytes()

    def disk_full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", disk_full)
    with pytest.raises(OSError, match="no space"):
        write(path, net, optimizer)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["c.npz"]


def test_a_network_saved_on_one_dtype_loads_on_another(tmp_path):
    net, _ = net_and_optimizer()
    net.save(tmp_path / "n.npz")
    double = net_and_optimizer()[0].to(dtype="float64").load(tmp_path / "n.npz")
    assert double.vector.values.dtype == np.float64
    np.testing.assert_array_equal(double.vector.values, net.vector.values)
