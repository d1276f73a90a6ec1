"""Which primitives become one kernel, and that whole steps with towers are what the plain primitives say."""

import functools
import itertools
import logging
import re

import device_stream
import numpy as np
import pytest
import recorded
from device_stand_in import Order
from quick import rest_slow
from recorded import HOPPER, calls, lenet_units

import minicnn as mc
from minicnn.compiled import cuda_towers, primitives, tower_text
from minicnn.compiled.cuda_towers import TowerForm
from minicnn.compiled.graph import GraphSteps
from minicnn.compiled.plain import PlainForm
from minicnn.compiled.program import Program
from minicnn.compiled.tower_steps import FEWEST_ROWS, LANES, THREADS, share_threads, step
from minicnn.compiled.towers import Tower, plan


def names(units):
    return [unit.name if type(unit) is Tower else unit.primitive for unit in units]


# ------------------------------------------------------------------------------------------------- the plan


def test_a_step_of_lenet5_is_one_tower_and_the_gradients_of_full_layers():
    for name, full in (("lenet5", 2), ("lenet_modern", 3)):
        expected = ["gather_to_convolution_weight_gradient", *full * ["dense_weight_gradient"]]
        assert names(lenet_units(name)) == expected, "the rule knows no network by its name"


def test_where_many_samples_would_read_many_weights_the_layer_is_a_kernel_of_its_own():
    assert names(lenet_units("lenet5", samples=256)) == [
        "gather_to_subsampling", "dense", "dense_to_dense_input_gradient", "dense_input_gradient",
        "subsampling_backward_to_convolution_weight_gradient", "dense_weight_gradient", "dense_weight_gradient",
    ]  # fmt: skip
    net = mc.models.lenet5(rng=0)
    assert names(plan(calls(net), HOPPER)[0]) == ["gather_to_squared_distances"]
    assert names(plan(calls(net, samples=500), HOPPER)[0]) == [
        "gather_to_subsampling", "dense", "dense", "squared_distances",
    ]  # fmt: skip


def test_what_does_not_fit_is_halved_until_it_does():
    whole = lenet_units("lenet5")[0]
    least = Tower(whole.calls, whole.calls).bytes
    assert names(plan(whole.calls, least)[0]) == [whole.name] and not plan(whole.calls, least - 1)[1]
    for memory in (least - 1, 48 * 1024, 30_000):
        units, left_out = plan(whole.calls, memory)
        found = [unit for unit in units if type(unit) is Tower]
        assert len(found) > 1 and all(tower.bytes <= memory for tower in found)
        assert all(tower.bytes > memory and len(tower.calls) == 2 for tower in left_out)
        flat = [call for unit in units for call in (unit.calls if type(unit) is Tower else [unit])]
        assert sorted(flat, key=whole.calls.index) == whole.calls
    assert plan(whole.calls, 10)[0] == whole.calls


def test_gradients_of_convolutions_come_last_and_share_a_blocks_threads():
    """C3's 300 rows of kernels and C1's 30, in slices: the thread with most to do has as little as possible."""
    steps = lenet_units("lenet5")[0].steps
    c3, c1 = (step for step in steps if not step.waited_for)
    assert steps[-2:] == [c3, c1]
    assert (c3.rows, c3.slices, c3.first) == (300, 1, 0) and (c1.rows, c1.slices, c1.first) == (30, 6, 320)
    assert c3.rest is None and c1.rest is not None, "what the slices have is added up"


def weight_gradient(maps, height, width, kernel):
    """The step of a convolution of one map."""
    d, x = (np.zeros((c, height, width, 1), np.float32) for c in (maps, 1))
    pairs = primitives.Connections(maps, 1, tuple((o, 0) for o in range(maps)))
    window = primitives.Window((kernel, kernel), (1, 1), (kernel // 2, kernel // 2))
    return step("convolution_weight_gradient", {
        "d": d, "x": x, "window": window, "connections": pairs, "dweights": None, "dbias": None,
    })  # fmt: skip


@pytest.mark.parametrize("sizes", [
    [(4, 9, 7, 3)], [(40, 30, 30, 5)], [(6, 28, 28, 5), (16, 10, 10, 5)], [(200, 6, 6, 3), (3, 20, 20, 5)],
    [(1, 40, 8, 1), (30, 12, 12, 3), (7, 5, 5, 3)], [(1, 2, 2, 1)],
])  # fmt: skip
def test_no_warp_has_a_part_of_two_gradients_unless_there_are_more_than_it_has_threads(sizes):
    gradients = [weight_gradient(*each) for each in sizes]
    share_threads(gradients)
    ends = [g.first + g.rows * g.slices for g in gradients]
    assert all(g.first % LANES == 0 and 0 <= g.first - end < LANES for g, end in zip(gradients, [0, *ends]))
    assert all(g.slices == 1 or -(-g.height // g.slices) >= FEWEST_ROWS for g in gradients)
    if ends[-1] > THREADS:
        assert all(g.slices == 1 for g in gradients)
    for g in gradients:
        assert (g.rest is None, g.scratch) == ((True, 0) if g.slices == 1 else (False, g.sums * g.slices))


def sequential(*layers):
    return mc.Sequential(layers, preprocess=mc.data.UNIT)


@pytest.mark.parametrize("layers, expected", [
    ([mc.Flatten(), mc.Linear(784, 10)], ["gather_to_cross_entropy", "dense_weight_gradient"]),
    ([mc.Flatten(), mc.Linear(784, 100), mc.Linear(100, 10)],  # 78,400 weights are too many for every block
     ["gather", "dense", "dense_to_dense_input_gradient", *2 * ["dense_weight_gradient"]]),
    ([mc.Conv2d(1, 2, 3, stride=2), mc.Flatten(), mc.Linear(338, 10)],
     ["gather", "convolution", "dense_to_dense_input_gradient", "dense_weight_gradient",
      "convolution_weight_gradient"]),
    ([mc.AvgPool2d(2), mc.Flatten(), mc.Linear(196, 10)],
     ["gather", "avg_pool", "dense_to_cross_entropy", "dense_weight_gradient"]),
])  # fmt: skip
def test_what_cannot_stand_in_a_tower_stands_by_itself(layers, expected):
    assert names(plan(calls(sequential(*layers), mc.losses.CrossEntropyLoss()), HOPPER)[0]) == expected


def test_what_lies_in_shared_memory_at_the_same_time_does_not_overlap():
    for name, dtype in itertools.product(recorded.LENETS, ("float32", "float64")):
        for tower in (unit for unit in lenet_units(name, dtype) if type(unit) is Tower):
            held = [*tower.buffers.values(), *tower.kept.values(), *tower.scratch.values()]
            assert tower.bytes == max(b.offset + b.size for b in held) * np.dtype(dtype).itemsize
            for a, b in itertools.combinations(held, 2):
                at_once = a.first <= b.last and b.first <= a.last
                assert not at_once or a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


@pytest.mark.parametrize("name, dtype, memory, samples, rows", [
    ("lenet5", "float32", HOPPER, 64, [96]), ("lenet_modern", "float32", HOPPER, 64, [96]),
    ("lenet5", "float64", HOPPER, 64, []), ("lenet5", "float32", 163 * 1024, 64, []),  # half of 120 do not fit
    ("lenet5", "float32", 2**20, 64, [112]), ("lenet5", "float32", 2**20, 256, []),
])  # fmt: skip
def test_weights_are_kept_in_shared_memory_where_there_is_room(name, dtype, memory, samples, rows):
    """C5's, which every block reads on both ways: as many rows as fit, from the first convolution on."""
    towers = [unit for unit in lenet_units(name, dtype, samples, memory) if type(unit) is Tower]
    kept = [kept for tower in towers for kept in tower.kept.values() if kept.array.shape == (120, 400)]
    assert [kept.rows for kept in kept] == rows and all(tower.bytes <= memory for tower in towers)
    for one in kept:
        first, last = (towers[0].calls[number].primitive for number in (one.first, one.last))
        assert (first, last) == ("convolution", "dense_input_gradient")
        text, _ = towers[0].text()
        assert text.count("(weights5, near_weights5") == 2, "they are sent, and declared with those in registers"
        assert text.count(", rows5, ") == 2, "on both ways"


def test_weights_stay_in_registers_as_far_as_there_is_room():
    """Five layers have 128 bytes a thread each: two wait for the way back, three are loaded again. Where blocks share a
    multiprocessor, all are."""
    hidden = [mc.Linear(128, 128) for _ in range(5)]
    net = sequential(mc.MaxPool2d(7), mc.Flatten(), mc.Linear(16, 128), *hidden, mc.Linear(128, 10))
    for samples, held in ((64, 2), (200, 0)):
        (tower, *_) = plan(calls(net, mc.losses.CrossEntropyLoss(), samples), HOPPER)[0]
        text, _ = tower.text()
        declared = re.findall(r"Rows<128, 128, 4, 0> (rows\d+)\(", text)
        used = re.findall(r"dense\w*\(near_\w+, (rows\d+),", text)
        assert len(declared) == len({*declared}) == 5
        assert sorted(used.count(name) for name in declared) == [1] * (5 - held) + [2] * held
        assert len(re.findall(r"gradient\(near_\w+, Rows<128, 128, 4, 0>", text)) == 5 - held


def test_what_nobody_outside_reads_never_leaves_shared_memory():
    (tower, *_) = plan(calls(mc.models.lenet5(rng=0)), HOPPER)[0]
    assert tower.text()[0].count("real* __restrict__ y") == 1  # S4's outputs, for C5
    (tower, *_) = lenet_units("lenet5")
    left = re.findall(r"^    real\* __restrict__ ([xdy]\d+)", tower.text()[0], re.MULTILINE)
    assert left == ["x5", "x6", "d8", "d9"]  # what the gradients of C5's and F6's weights are made of


def test_two_towers_of_one_kind_have_names_of_their_own():
    def wide():
        return [mc.Linear(10, 7000), mc.Linear(7000, 10), mc.ReLU(), mc.Linear(10, 10), mc.ReLU()]

    net = sequential(mc.Flatten(), mc.Linear(784, 10), *wide(), *wide())
    assert names(plan(calls(net), HOPPER)[0]) == [
        "gather_to_dense", "dense", "dense", "activation_to_activation", "dense", "dense", "activation_to_activation_2",
    ]  # fmt: skip


# --------------------------------------------------------------------------------------------- whole steps


def odd(rng=0, dtype="float64", backend="numpy"):
    """Odd sizes, kernels that are no squares, a table, padding, overlapping windows, functions by themselves."""
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = mc.Sequential([
        mc.Conv2d(1, 3, (4, 3), padding=(1, 2), **how), mc.ReLU(), mc.MaxPool2d(3, stride=2), mc.Tanh(),
        mc.Conv2d(3, 4, (2, 5), connections=[[0, 2], [1], [0, 1, 2], [2]], bias=False, **how), mc.ScaledTanh(),
        mc.Conv2d(4, 2, 3, groups=2, **how), mc.LeakyReLU(0.2), mc.Flatten(), mc.Linear(2 * 10 * 8, 11, **how),
        mc.ScaledTanh(), mc.Linear(11, 10, bias=False, **how), mc.Sigmoid(), mc.Linear(10, 10, **how),
    ], preprocess=mc.data.UNIT)  # fmt: skip
    return net.to(backend, dtype)


def gradients(device, make, loss, samples, counting, dtype="float64", numpy=False):
    """(gradient, loss and errors) of a batch of which ``counting`` samples count."""
    digits = mc.data.load_sample()[0]
    backend = mc.backend.get("numpy") if numpy else device
    net = make(rng=0, dtype=dtype, backend=backend)
    order, position = np.arange(len(digits.labels)), np.array([7, counting])
    arrays = [backend.asarray(a) for a in (digits.images, digits.labels, order, position)]
    scale, result, gradient = backend.xp.ones(1, dtype) / 3, backend.xp.zeros(2), net.vector.grads
    loss = mc.losses.on(loss, backend)
    if numpy:
        gradient[...] = 0
        program = Program(net, PlainForm(backend, dtype), samples, *arrays, loss, gradient, scale, result)
        program.sections[0]()
        return gradient, result
    form = TowerForm(backend, dtype, gradient)
    program = Program(net, form, samples, *arrays, loss, gradient, scale, result)
    add = form.gradient_sums()
    del backend.xp.launched[:]
    program.sections[0]()
    add()
    return device.to_numpy(gradient), device.to_numpy(form.blocks).sum(axis=0)


def wide(maps, kernel, outputs):
    """A maker of networks with a fully connected layer of many columns."""

    def make(rng=0, dtype="float64", backend="numpy"):
        how, inputs = {"rng": np.random.default_rng(rng), "dtype": dtype}, maps * (29 - kernel) ** 2
        net = sequential(
            mc.Conv2d(1, maps, kernel, **how), mc.ScaledTanh(), mc.Flatten(), mc.Linear(inputs, outputs, **how),
            mc.ScaledTanh(), mc.Linear(outputs, 10, **how),
        )  # fmt: skip
        return net.to(backend, dtype)

    return make


@pytest.mark.parametrize("samples, counting", rest_slow([(5, 3), (1, 1)]))
@pytest.mark.parametrize("make, loss", [
    (odd, mc.losses.CrossEntropyLoss()), (mc.models.lenet5, mc.losses.MAPLoss(2.0)),
    (wide(2, 6, 12), mc.losses.CrossEntropyLoss()),  # 1,058 columns: in two turns
    (wide(1, 9, 5), mc.losses.CrossEntropyLoss()),  # 400, all in registers
    (wide(4, 13, 150), mc.losses.CrossEntropyLoss()),  # 1,024, and more rows than a block has at a time
])  # fmt: skip
def test_a_step_with_towers_is_the_step_of_the_plain_primitives(device, monkeypatch, make, loss, samples, counting):
    expected, result = gradients(device, make, loss, samples, counting, numpy=True)
    got, blocks = gradients(device, make, loss, samples, counting)
    assert any("_to_" in name for name in device.xp.launched)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(blocks, result, rtol=1e-12)
    for order in (Order.DESCENDING, 1998):
        monkeypatch.setattr(Order, "number", order)
        again, _ = gradients(device, make, loss, samples, counting)
        np.testing.assert_array_equal(again, got, err_msg="threads race")


@pytest.mark.parametrize("maps, kernel", [(1, 4), (1, 5)])
def test_many_columns_are_in_registers_at_once(device, maps, kernel):
    """625 in ones and 576 in fours, which float32 has room for."""
    make = wide(maps, kernel, 12)
    expected, _ = gradients(device, make, mc.losses.CrossEntropyLoss(), 2, 2, numpy=True)
    got, _ = gradients(device, make, mc.losses.CrossEntropyLoss(), 2, 2, "float32")
    (tower, *_) = plan(calls(make(dtype="float32"), mc.losses.CrossEntropyLoss()), HOPPER)[0]
    assert len(tower.in_registers()) > 1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def high(rng=0, dtype="float32", backend="numpy"):
    """A fully connected layer of more rows than a block has at a time, and not as many as its warps share evenly."""
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = sequential(
        mc.Conv2d(1, 1, 13, **how), mc.MaxPool2d(2), mc.Flatten(), mc.Linear(64, 150, **how),
        mc.Linear(150, 164, **how), mc.ScaledTanh(), mc.Linear(164, 10, **how),
    )  # fmt: skip
    return net.to(backend, dtype)


def soon(rng=0, dtype="float32", backend="numpy"):
    """Large weights are wanted by the third step already."""
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = sequential(mc.MaxPool2d(2), mc.Flatten(), mc.Linear(196, 40, **how), mc.Linear(40, 10, **how))
    return net.to(backend, dtype)


@pytest.mark.parametrize("make, loss, dtype", [
    (high, mc.losses.CrossEntropyLoss(), "float32"), (high, mc.losses.CrossEntropyLoss(), "float64"),
    (soon, mc.losses.CrossEntropyLoss(), "float64"),
    (mc.models.lenet5, mc.losses.MAPLoss(), "float32"),
])  # fmt: skip
def test_weights_that_are_kept_are_the_same_weights(device, monkeypatch, make, loss, dtype):
    got, blocks = gradients(device, make, loss, 3, 2, dtype)
    kept = {"MaxSharedMemoryPerBlockOptin": 110 * 1024}
    monkeypatch.setattr(device_stream.Device, "attributes", kept)
    without, blocks_without = gradients(device, make, loss, 3, 2, dtype)
    np.testing.assert_array_equal(got, without)
    np.testing.assert_array_equal(blocks, blocks_without)


def test_weights_that_are_on_their_way_are_waited_for(device, monkeypatch):
    expected, _ = gradients(device, high, mc.losses.CrossEntropyLoss(), 2, 2)
    source = tower_text.source
    without = functools.partial(re.sub, r"arrived\(.*;\n", "\n")
    monkeypatch.setattr(cuda_towers, "source", lambda texts: source(map(without, texts)))
    got, _ = gradients(device, high, mc.losses.CrossEntropyLoss(), 2, 2)
    assert np.isnan(got).any() and not np.isnan(expected).any()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_device_without_the_memory_takes_the_general_path_and_says_so_once(device, monkeypatch, caplog, dtype):
    with_towers, _ = gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 3, 3, dtype)
    small = {"MaxSharedMemoryPerBlockOptin": 2_000}
    monkeypatch.setattr(device_stream.Device, "attributes", small)
    cuda_towers._tell_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="minicnn"):
        without, _ = gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 3, 3, dtype)
        gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 3, 3, dtype)
    assert "gather" in device.xp.launched and "convolution_input_gradient" in device.xp.launched
    told = [record.getMessage() for record in caplog.records]
    assert any("convolution to subsampling kernel by kernel" in text for text in told) and len(set(told)) == len(told)
    assert all("bytes of shared memory a block, this GPU has 2,000" in text for text in told)
    rounding = 2e-5 if dtype == "float32" else 1e-12  # of an RBF unit's distance of some 100, added in another order
    np.testing.assert_allclose(without, with_towers, rtol=0, atol=rounding)


def test_more_shared_memory_than_every_gpu_has_is_asked_for(device):
    """48 KB need no word; LeNet-5's way back has more."""
    tower = lenet_units("lenet5")[0]
    assert tower.bytes > 48 * 1024
    gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 1, 1, "float32")
    assert tower.name in device.xp.launched


@pytest.mark.slow
def test_a_missing_barrier_in_a_tower_is_a_race(device, monkeypatch):
    source = tower_text.source
    for number in range(4):

        def without_one(texts, number=number):
            first, *others = texts
            parts = first.split("__syncthreads();")
            parts[number : number + 2] = [parts[number] + parts[number + 1]]
            return source(["__syncthreads();".join(parts), *others])

        monkeypatch.setattr(cuda_towers, "source", without_one)
        with pytest.raises(AssertionError, match="gather_to_convolution_weight_gradient: a race"):
            gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 2, 2, "float32")


def test_memory_that_a_thread_may_still_use_is_not_given_away(device, monkeypatch):
    """What a layer leaves to be added up lasts until it is, beside the next step."""
    monkeypatch.setattr(Tower, "_end_of_rest", lambda self, number: number)
    with pytest.raises(AssertionError, match="gather_to_convolution_weight_gradient: a race"):
        gradients(device, mc.models.lenet5, mc.losses.MAPLoss(), 2, 2, "float32")


def test_arrays_that_a_kernel_cannot_take_are_refused_by_name(device):
    net = mc.models.lenet5(rng=0, backend=device)
    digits = mc.data.load_sample()[0]
    data = [device.asarray(a) for a in (digits.images, digits.labels.astype(np.int64), np.arange(9), np.arange(2))]
    with pytest.raises(TypeError, match="all_labels must be uint8, got int64"):
        Program(net, TowerForm(device, "float32"), 3, *data)


def test_training_repeats_itself_bit_for_bit(device):
    digits, states = mc.data.load_sample()[0].subset(slice(5)), []
    for capture in (True, False):
        net = odd(backend=device, dtype="float32")
        optimizer = mc.optim.SGD(net.parameters(), 1, momentum=0.9)
        with GraphSteps(net, mc.losses.CrossEntropyLoss(), optimizer, digits, 3, capture=capture) as steps:
            list(steps.epoch([np.arange(3), np.arange(3, 5)], [1e-2, 1e-3]))
        states.append(net.state_dict())
    for name in states[0]:
        np.testing.assert_array_equal(states[1][name], states[0][name], err_msg=name)
