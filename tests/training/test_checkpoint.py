"""Checkpoints: whole or not at all, and never somebody else's."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import files
from minicnn.errors import CheckpointError
from minicnn.serialization import save_npz
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
    assert np.array_equal(its_optimizer.velocity[0], optimizer.velocity[0])
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


# ------------------------------------------------------------------------------- what version 0.1 has written


def small_convolutions():
    rng = np.random.default_rng(0)
    return mc.Sequential({
        "full": mc.Conv2d(1, 3, (2, 3), rng=rng), "table": mc.Conv2d(3, 2, 2, connections=[[0, 2], [1]], rng=rng),
        "covers": mc.Conv2d(2, 4, (26, 25), rng=rng), "flatten": mc.Flatten(), "out": mc.Linear(4, 10, rng=rng),
    }, preprocess=mc.data.UNIT)  # fmt: skip


def in_the_order_of_0_1(network, arrays):
    """A vector as version 0.1 had it: weights (o, c, ky, kx) of all connections in the order o, ky, c, kx."""
    return np.concatenate([
        (a.swapaxes(1, 2) if a.ndim == 4 else a).reshape(-1) for a in (arrays[p.name] for p in network.parameters())
    ])  # fmt: skip


def write_as_0_1(path, network, vectors, progress, task, config):
    """A checkpoint of version 0.1: it said nothing of the vectors' order, and its config had ``workers``."""
    task = {name: task[name] for name in ("samples", "batch_size") if name in task}
    arrays = {f"network/{name}": a for name, a in network.state_dict().items()}
    arrays.update({f"optimizer/{name}": in_the_order_of_0_1(network, a) for name, a in vectors.items()})
    facts = {"kind": "checkpoint", "progress": progress, "task": task, "config": {**config, "workers": 2}}
    facts["format"] = "minicnn-1"
    save_npz(path, arrays, facts)


@pytest.mark.parametrize("second_order", [False, True])
def test_vectors_of_version_0_1_end_up_at_the_right_weights(tmp_path, second_order):
    def new():
        net = small_convolutions()
        if second_order:
            return net, mc.optim.StochasticDiagonalLM(net.parameters(), 0.1, momentum=0.9)
        return net, mc.optim.SGD(net.parameters(), 0.1, momentum=0.9)

    net, _ = new()
    rng = np.random.default_rng(1)
    names = ["velocity0", "curvature"] if second_order else ["velocity0"]
    vectors = {name: {p.name: rng.random(p.shape, "float32") for p in net.parameters()} for name in names}
    write_as_0_1(tmp_path / "old.npz", net, vectors, {"epoch": 3}, {"samples": 5}, {"lr": 0.1})
    other, optimizer = new()
    progress, config = load_checkpoint(tmp_path / "old.npz", other, optimizer)
    assert (progress, config["lr"]) == ({"epoch": 3}, 0.1)
    state = optimizer.state_dict(np.asarray)
    for name in names:
        expected = np.concatenate([vectors[name][p.name].reshape(-1) for p in net.parameters()])
        assert np.array_equal(state[name], expected)
    save_checkpoint(tmp_path / "new.npz", other, optimizer, progress, {"samples": 5}, config)
    again, its_optimizer = new()
    load_checkpoint(tmp_path / "new.npz", again, its_optimizer)
    assert all(np.array_equal(a, state[name]) for name, a in its_optimizer.state_dict(np.asarray).items())


def test_a_run_of_version_0_1_goes_on_as_if_this_one_had_begun_it(tmp_path):
    digits = mc.data.load_sample()[0].subset(slice(96))

    def train(**how):
        net = small_convolutions()
        optimizer = mc.optim.SGD(net.parameters(), 0.01, momentum=0.9)
        mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, digits, batch_size=32, progress=False, **how)
        return net, optimizer

    whole, _ = train(epochs=2)
    net, optimizer = train(epochs=1, checkpoint=tmp_path / "new.npz")
    facts = mc.training.read_facts(tmp_path / "new.npz")[1]
    pieces = np.split(optimizer.velocity[0], np.cumsum([p.size for p in net.parameters()])[:-1])
    velocities = {p.name: piece.reshape(p.shape) for p, piece in zip(net.parameters(), pieces)}
    write_as_0_1(tmp_path / "old.npz", net, {"velocity0": velocities}, facts["progress"], facts["task"], {})
    resumed, _ = train(epochs=2, resume=tmp_path / "old.npz")
    assert np.array_equal(resumed.vector.values, whole.vector.values)


# -------------------------------------------------------------------- layers that draw, and that keep statistics


def dropping(seed=0, generator=np.random.PCG64):
    rng = np.random.default_rng(seed)
    return mc.Sequential([
        mc.Conv2d(1, 3, 5, stride=3, rng=rng), mc.BatchNorm2d(3), mc.ReLU(), mc.Flatten(),
        mc.Dropout(0.5, rng=np.random.Generator(generator(seed))), mc.Linear(192, 10, rng=rng),
    ], preprocess=mc.data.UNIT)  # fmt: skip


def fit(net, digits, optimizer=None, **how):
    optimizer = optimizer or mc.optim.SGD(net.parameters(), 0.02, momentum=0.9)
    how = {"batch_size": 32, "progress": False, **how}
    return mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, *digits, **how)


@pytest.fixture(scope="module")
def digits():
    train, test = mc.data.load_sample()
    return train.subset(slice(160)), test.subset(slice(60))


OPTIMIZERS = {
    "SGD": lambda p: mc.optim.SGD(p, 0.02, momentum=0.9), "Adam": lambda p: mc.optim.Adam(p, 0.002),
    "AdamW with AMSGrad": lambda p: mc.optim.AdamW(p, 0.002, amsgrad=True),
}  # fmt: skip


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("generator", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_going_on_draws_and_counts_as_if_there_had_been_no_break(digits, tmp_path, kind, generator):
    whole, net, resumed = (dropping(seed, generator) for seed in (0, 0, 9))
    history = fit(whole, digits, OPTIMIZERS[kind](whole.parameters()), epochs=3)
    fit(net, digits, OPTIMIZERS[kind](net.parameters()), epochs=1, checkpoint=tmp_path / "c.npz", threads=1)
    again = fit(resumed, digits, OPTIMIZERS[kind](resumed.parameters()), epochs=3, resume=tmp_path / "c.npz")
    for name, array in whole.state_dict().items():
        assert np.array_equal(resumed.state_dict()[name], array), name
    assert [r["test_loss"] for r in again] == [r["test_loss"] for r in history]


def test_layers_with_and_without_kernels_go_on_bit_equal(digits, tmp_path):
    def network(seed):
        rng = np.random.default_rng(seed)
        return mc.Sequential([
            mc.Conv2d(1, 4, 5, stride=2, rng=rng), mc.LeakyReLU(), mc.MaxPool2d(3, stride=2, padding=1),
            mc.Conv2d(4, 6, 2, groups=2, rng=rng), mc.AvgPool2d(2, stride=1, ceil_mode=True),
            mc.Conv2d(6, 10, 2, dilation=2, rng=rng), mc.GlobalAvgPool2d(), mc.Flatten(),
        ], preprocess=mc.data.UNIT)  # fmt: skip

    whole, half, resumed = network(0), network(0), network(9)
    fit(whole, digits, epochs=2)
    fit(half, digits, epochs=1, checkpoint=tmp_path / "c.npz", threads=1)
    fit(resumed, digits, epochs=2, resume=tmp_path / "c.npz", threads=2)
    assert np.array_equal(resumed.vector.values, whole.vector.values)


def test_a_saved_network_answers_as_the_trained_one(digits, tmp_path):
    net = dropping()
    fit(net, digits, epochs=2)
    net.save(tmp_path / "net.npz")
    other = dropping(5).load(tmp_path / "net.npz")
    assert np.array_equal(other.outputs(digits[1].images), net.outputs(digits[1].images))
    assert np.array_equal(net.outputs(digits[1].images), net.outputs(digits[1].images))


def test_generators_of_another_network_are_refused_and_nothing_is_changed(digits, tmp_path):
    path = tmp_path / "c.npz"
    net = dropping()
    fit(net, digits, epochs=1, checkpoint=path)
    other = dropping(1, np.random.MT19937)
    before = other.state_dict()
    with pytest.raises(CheckpointError, match=r"4\.Dropout\.rng was a PCG64, here it is another kind"):
        fit(other, digits, epochs=2, resume=path)
    sober = mc.Sequential([layer for layer in dropping(1) if type(layer) is not mc.Dropout])
    with pytest.raises(CheckpointError, match=r"another architecture: its layers draw from \['4.Dropout.rng'\],"):
        load_checkpoint(path, sober, mc.optim.SGD(sober.parameters(), 0.1))
    assert all(np.array_equal(other.state_dict()[name], array) for name, array in before.items())
