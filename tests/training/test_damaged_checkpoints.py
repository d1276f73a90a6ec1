"""A damaged checkpoint is refused whole, before anything is changed, with a CheckpointError that names the file."""

import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import CheckpointError, DivergedError
from minicnn.serialization import load_npz, save_npz
from minicnn.training import load_checkpoint, read_facts


def subject(seed=0, lr=0.01):
    rng = np.random.default_rng(seed)
    net = mc.Sequential([
        mc.Flatten(), mc.Linear(36, 5, rng=rng), mc.BatchNorm1d(5), mc.Dropout(0.5, rng=seed), mc.Linear(5, 3, rng=rng)
    ], preprocess=mc.data.UNIT)  # fmt: skip
    return net, mc.optim.Adam(net.parameters(), lr)


def data(seed=0):
    rng = np.random.default_rng(seed)
    return mc.data.Dataset(rng.integers(0, 256, (20, 6, 6), np.uint8), rng.integers(0, 3, 20, np.uint8))


def fit(net, optimizer, **how):
    how = {"train": data(), "epochs": 1, "batch_size": 8, "progress": False, "threads": 1, **how}
    return mc.training.fit(net, how.pop("loss", mc.losses.CrossEntropyLoss()), optimizer, **how)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "c.npz"
    fit(*subject(), checkpoint=path)
    return path, *read_facts(path)


def bits(net, optimizer):
    arrays = {**net.state_dict(), **optimizer.state_dict(np.asarray)}
    generators = [repr(rng.bit_generator.state) for _, rng in net.named_generators()]
    return {name: array.tobytes() for name, array in arrays.items()}, generators


def refused(path, words):
    """Whether a run refuses to go on from the file, in these words, and nothing is changed by that."""
    net, optimizer = subject(1)
    before = bits(net, optimizer)
    with pytest.raises(CheckpointError, match=words) as info:
        fit(net, optimizer, epochs=3, resume=path)
    assert str(path) in str(info.value) and bits(net, optimizer) == before
    return True


NAN = float("nan")


@pytest.mark.parametrize("array, words", [
    (lambda a: a * NAN, "5 of the 5 numbers of 1.Linear.bias are not finite"),
    (lambda a: a + np.inf, "5 of the 5 numbers of 1.Linear.bias are not finite"),
    (lambda a: a.astype("float64") + 1e200, "5 of the 5 numbers of 1.Linear.bias are not finite"),
    (lambda a: a.astype("complex64"), "1.Linear.bias must hold real numbers .*, it holds complex64"),
    (lambda a: a.astype("U9"), "1.Linear.bias must hold real numbers .*, it holds <U9"),
    (lambda a: a.astype(bool), "1.Linear.bias must hold real numbers .*, it holds bool"),
    (lambda a: a.astype("int64").astype("datetime64[s]"), "cannot be read as a checkpoint: .*another header"),
    (lambda a: a[:4], r"another architecture: 1.Linear.bias is \(4,\), this network has \(5,\)"),
], ids=["NaN", "infinite", "too large", "complex", "text", "bool", "dates", "shape"])  # fmt: skip
def test_weights_that_are_none(saved, tmp_path, array, words):
    _, arrays, facts = saved
    save_npz(tmp_path / "d.npz", {**arrays, "network/1.Linear.bias": array(arrays["network/1.Linear.bias"])}, facts)
    assert refused(tmp_path / "d.npz", words)
    with pytest.raises(CheckpointError):
        subject()[0].load(tmp_path / "d.npz")


@pytest.mark.parametrize("name, value, words", [
    ("optimizer/t", np.array(-1), "negative number in t"),
    ("optimizer/t", np.array(0.5), "float64 as t, this optimizer needs int64"),
    ("optimizer/v0", -1.0, "negative number in v0"),
    ("optimizer/m0", NAN, "optimizer's m0 holds what is no finite number"),
    ("optimizer/m0", 1e200, "m0 that are not finite as float32"),
    ("network/2.BatchNorm1d.running_var", -1.0, "running_var holds a negative number"),
])  # fmt: skip
def test_numbers_that_cannot_be(saved, tmp_path, name, value, words):
    _, arrays, facts = saved
    value = value if hasattr(value, "shape") else np.full(arrays[name].shape, value)
    save_npz(tmp_path / "d.npz", {**arrays, name: value}, facts)
    assert refused(tmp_path / "d.npz", words)


ODD = {
    "progress, epoch": -1, "progress, batch": 1.5, "progress, loss": NAN, "progress, errors": True,
    "progress, count": 7,
    "progress, seconds": "long", "progress, rng": None, "progress, records": [1], "progress, rng, state, inc": 2**200,
    "progress, rng, bit_generator": "Dice", "progress, rng, has_uint32": 2, "task, samples": [20], "task, data": 1,
    "generators, 3.Dropout.rng, uinteger": -1, "generators, 3.Dropout.rng, state": {}, "vectors": "as they come",
    "config": None, "generators": [], "progress": 3, "kind": "network",
}  # fmt: skip


@pytest.mark.parametrize("place", ODD)
def test_facts_that_cannot_be(saved, tmp_path, place):
    _, arrays, facts = saved
    facts = json.loads(json.dumps(facts))
    *path, last = place.split(", ")
    inner = facts
    for key in path:
        inner = inner[key]
    inner[last] = ODD[place]
    save_npz(tmp_path / "d.npz", arrays, facts)
    words = {"progress, count": "batches of the running epoch", "kind": "no training checkpoint"}.get(place, last)
    assert refused(tmp_path / "d.npz", words)
    del inner[last]
    save_npz(tmp_path / "d.npz", arrays, facts)
    assert refused(tmp_path / "d.npz", "d.npz")


def test_a_number_of_epochs_beyond_all_memory_is_not_counted_up(saved, tmp_path):
    _, arrays, facts = saved
    save_npz(tmp_path / "d.npz", arrays, {**facts, "progress": {**facts["progress"], "epoch": 2**31}})
    tracemalloc.start()
    try:
        assert refused(tmp_path / "d.npz", "after 2147483648 epochs it must have a record of each")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_state_that_would_make_a_generator_read_beyond_its_memory(saved, tmp_path):
    _, arrays, facts = saved
    state = json.loads(json.dumps(np.random.MT19937(0).state, default=np.ndarray.tolist))
    state["state"]["pos"] = 10**6
    save_npz(tmp_path / "d.npz", arrays, {**facts, "progress": {**facts["progress"], "rng": state}})
    assert refused(tmp_path / "d.npz", "at least 0 and below 625 as pos")


def test_a_text_that_is_nested_too_deeply(saved, tmp_path):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive, archive.open("__facts__.npy", "w") as member:
        np.lib.format.write_array(member, np.array("[" * 100_000))
    assert refused(tmp_path / "d.npz", "nested too deeply")


def test_a_small_file_that_unpacks_to_gigabytes_is_not_unpacked(saved, tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (7500000,), }".ljust(69) + b"\n"
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("network/x.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00\x46\x00" + header + bytes(30_000_000))
    assert refused(tmp_path / "d.npz", "compressed, which minicnn's are not")


def test_an_array_of_another_length_than_its_header_says(saved, tmp_path):
    with zipfile.ZipFile(saved[0]) as whole, zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        for name in whole.namelist():
            contents = whole.read(name)
            archive.writestr(name, contents + b"more" if "bias" in name else contents)
    assert refused(tmp_path / "d.npz", "bias.npy is not as long as")


def test_a_header_is_never_evaluated(saved, tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(),), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("__facts__.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert refused(tmp_path / "d.npz", "another header than NumPy writes")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no pipes in this file system")
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe", "is no regular file")


def test_every_byte_of_the_directory_may_be_damaged(saved, tmp_path):
    """The last part of the archive, which no checksum covers: CheckpointError, or read as it was."""
    path, arrays, _ = saved
    whole = path.read_bytes()
    for place in range(len(whole) - 700, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        (tmp_path / "d.npz").write_bytes(damaged)
        try:
            read = load_npz(tmp_path / "d.npz")[0]
        except CheckpointError:
            continue
        assert set(read) <= set(arrays) and all(np.array_equal(read[name], arrays[name]) for name in read)


def test_an_optimizer_of_ones_own_that_refuses_with_any_error_changes_nothing(saved, tmp_path):
    class Own(mc.optim.SGD):
        def load_state_dict(self, mapping, asarray):
            self.velocity[0][...] = 7
            return mapping["not there"]

    net, _ = subject(1)
    optimizer = Own(net.parameters(), 0.1)
    before = bits(net, optimizer)
    with pytest.raises(CheckpointError, match=r"another optimizer's: 'not there'"):
        load_checkpoint(saved[0], net, optimizer)
    assert bits(net, optimizer) == before


def test_what_is_no_network_and_no_optimizer_are_refused(saved, tmp_path):
    net, optimizer = subject()
    for use in (load_checkpoint, mc.training.save_checkpoint):
        more = () if use is load_checkpoint else ({}, {}, {})
        with pytest.raises(TypeError, match="network must be a"):
            use(saved[0], np.ones(3), optimizer, *more)
        with pytest.raises(TypeError, match="optimizer must have state_dict"):
            use(saved[0], net, 3, *more)
    with pytest.raises(TypeError, match="task must be a mapping"):
        load_checkpoint(saved[0], net, optimizer, "samples")
    with pytest.raises(TypeError, match="config must be a mapping"):
        mc.training.save_checkpoint(tmp_path / "c.npz", net, optimizer, {}, {}, None)


# ---------------------------------------------------------------------------------------- of another run


@pytest.mark.parametrize("how, words", [
    ({"train": data(1)}, "was trained with data .* of your images, this run has .* of your images"),
    ({"loss": mc.losses.CrossEntropyLoss("sum")}, "was trained with loss .*'mean'.*, this run has .*'sum'"),
    ({"augment": mc.data.Distortion()}, "was trained with augment None, this run has Distortion"),
])  # fmt: skip
def test_other_data_or_another_criterion_are_refused(saved, how, words):
    net, optimizer = subject(1)
    before = bits(net, optimizer)
    with pytest.raises(CheckpointError, match=words):
        fit(net, optimizer, epochs=2, resume=saved[0], **how)
    assert bits(net, optimizer) == before


def test_another_learning_rate_is_not(saved):
    assert len(fit(*subject(1, lr=0.02), epochs=2, resume=saved[0])) == 2


def test_a_generator_of_another_kind_shuffles_and_goes_on(tmp_path):
    whole, resumed = subject(), subject(1)
    fit(*whole, epochs=2, seed=np.random.Generator(np.random.MT19937(3)))
    fit(*subject(), seed=np.random.Generator(np.random.MT19937(3)), checkpoint=tmp_path / "c.npz")
    fit(*resumed, epochs=2, resume=tmp_path / "c.npz")
    assert np.array_equal(resumed[0].vector.values, whole[0].vector.values)


# --------------------------------------------------------------------------------- networks that are not numbers


def test_a_network_of_nan_does_not_predict():
    net, _ = subject()
    net.eval().vector.values[:] = NAN
    with pytest.raises(DivergedError, match="outputs are NaN for 20 of 20 images"):
        net.predict(data().images)
    with pytest.raises(DivergedError, match="outputs are NaN"):
        mc.training.evaluate(net, data())


def test_a_mapping_with_nan_is_refused():
    net, _ = subject()
    before = net.state_dict()
    with pytest.raises(CheckpointError, match=r"1\.Linear\.bias are not finite"):
        net.load_state_dict({**before, "1.Linear.bias": np.full(5, NAN)})
    assert all(np.array_equal(net.state_dict()[name], array) for name, array in before.items())
