"""Whole training steps on the device, captured in a graph: they end where the layers on NumPy do."""

import contextlib
import math

import device_stand_in
import numpy as np
import pytest

import minicnn as mc
from minicnn.compiled import cuda, graph
from minicnn.compiled.cuda import CudaForm, Launches
from minicnn.compiled.graph import GraphSteps, graph_obstacle
from minicnn.compiled.program import Program
from minicnn.compiled.steps import Steps

pytestmark = pytest.mark.slow

SAMPLES = 11


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(slice(SAMPLES))


def mixed(rng=0, dtype="float32", backend="numpy"):
    """What the two models leave out: strides, padding, a table, no bias, functions that no layer takes along."""
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = mc.Sequential([
        mc.Conv2d(1, 4, (5, 4), stride=(3, 2), padding=1, **how), mc.ScaledTanh(), mc.Subsampling(4, 2, **how),
        mc.ScaledTanh(), mc.MaxPool2d(2, stride=1),
        mc.Conv2d(4, 3, 2, bias=False, connections=[[0, 1], [2], [1, 3]], **how), mc.ReLU(), mc.AvgPool2d(2, stride=1),
        mc.Flatten(), mc.Linear(3 * 2 * 5, 12, bias=False, **how), mc.ScaledTanh(),
        mc.Linear(12, 10, **how), mc.Sigmoid(), mc.Linear(10, 10, **how), mc.Tanh(),
        mc.RBF(np.sign(how["rng"].standard_normal((9, 10)))), mc.Linear(9, 10, **how),
    ], preprocess=mc.data.LENET5_1998)  # fmt: skip
    return net.to(backend, dtype)


def in_groups(rng=0, dtype="float32", backend="numpy"):
    how = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = mc.Sequential([
        mc.Conv2d(1, 4, 5, stride=3, **how), mc.LeakyReLU(0.1), mc.Conv2d(4, 6, 3, groups=2, **how), mc.ScaledTanh(),
        mc.Conv2d(6, 6, 2, groups=6, **how), mc.GlobalAvgPool2d(), mc.Flatten(), mc.Linear(6, 10, **how),
    ], preprocess=mc.data.UNIT)  # fmt: skip
    return net.to(backend, dtype)


def dropping(rng=0, dtype="float32", backend="numpy"):
    return mc.models.lenet5(rng=rng, dropout=0.3, dtype=dtype, backend=backend)


CASES = {
    "lenet5, softmax": (mc.models.lenet5, mc.losses.MAPLoss),
    "lenet5, equation 9, sum": (mc.models.lenet5, lambda: mc.losses.MAPLoss(2.0, reduction="sum")),
    "lenet5, equation 8": (mc.models.lenet5, mc.losses.RBFLoss),
    "dropout": (dropping, mc.losses.MAPLoss),
    "modern": (mc.models.lenet_modern, mc.losses.CrossEntropyLoss),
    "groups and whole maps": (in_groups, mc.losses.CrossEntropyLoss),
    "mixed": (mixed, lambda: mc.losses.CrossEntropyLoss(reduction="sum")),
}
every_case = pytest.mark.parametrize("make, loss", CASES.values(), ids=CASES)
RATES = [1e-3, 5e-4, 2e-3, 1e-3]


def sgd(net):
    return mc.optim.SGD(net.parameters(), 1, momentum=0.9, weight_decay=0.01, nesterov=True)


def plain_sgd(net):
    return mc.optim.SGD(net.parameters(), 1)


def diagonal(net):
    """Stochastic diagonal Levenberg-Marquardt with a curvature out of the air."""
    optimizer = mc.optim.StochasticDiagonalLM(net.parameters(), 1)
    h = np.random.default_rng(3).random(net.vector.values.size).astype(net.dtype)
    optimizer.use_curvature(net.backend.asarray(h))
    return optimizer


def layer_by_layer(train, make, loss, dtype, batch_size, optimizer=sgd):
    """((loss, errors) of every batch of an epoch, the trained parameters)"""
    net, loss, results = make(rng=0, dtype=dtype), loss(), []
    optimizer = optimizer(net)
    for indices, optimizer.lr in zip(mc.data.batch_indices(len(train), batch_size, 0), RATES):
        outputs, labels = net.forward(net.input(train.images[indices])), train.labels[indices]
        total = loss.forward(outputs, labels) * (len(indices) if loss.reduction == "mean" else 1)
        results.append((total, int((net.decide(outputs) != labels).sum())))
        net.backward(loss.backward())
        optimizer.step()
    return results, net.state_dict()


def on_device(device, train, make, loss, dtype, batch_size, optimizer=sgd, capture=True):
    net = make(rng=0, dtype=dtype, backend=device)
    batches = list(mc.data.batch_indices(len(train), batch_size, 0))
    with GraphSteps(net, loss(), optimizer(net), train, batch_size, capture=capture) as steps:
        done = list(steps.epoch(batches, RATES[: len(batches)]))
        assert steps.graphs[1].launches == len(batches) if capture else not steps.graphs
    for (indices, lr, _, _), batch, rate in zip(done, batches, RATES):
        assert indices is batch and lr == rate
    return [(loss, errors) for _, _, loss, errors in done], net.state_dict()


def assert_same(state, expected, rtol):
    assert list(state) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(state[name], value, rtol=rtol, atol=rtol, err_msg=name)


@every_case
def test_a_captured_epoch_trains_as_the_layers_do(device, digits, make, loss):
    """Four samples a step, then a short batch of three."""
    expected, state = layer_by_layer(digits, make, loss, "float64", 4)
    results, trained = on_device(device, digits, make, loss, "float64", 4)
    np.testing.assert_allclose(results, expected, rtol=1e-10)
    assert_same(trained, state, 1e-9)


@pytest.mark.parametrize("optimizer", [plain_sgd, diagonal])
def test_other_optimizers(device, digits, optimizer):
    expected, state = layer_by_layer(digits, *CASES["modern"], "float64", 4, optimizer)
    results, trained = on_device(device, digits, *CASES["modern"], "float64", 4, optimizer)
    np.testing.assert_allclose(results, expected, rtol=1e-10)
    assert_same(trained, state, 1e-9)


def test_float32_stays_close_and_repeats_itself(device, digits):
    expected, state = layer_by_layer(digits, *CASES["lenet5, softmax"], "float32", 4)
    results, trained = on_device(device, digits, *CASES["lenet5, softmax"], "float32", 4)
    np.testing.assert_allclose(results, expected, rtol=1e-5)
    assert_same(trained, state, 2e-5)
    again, launched = on_device(device, digits, *CASES["lenet5, softmax"], "float32", 4, capture=False)
    assert again == results
    for name in trained:
        np.testing.assert_array_equal(launched[name], trained[name], err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 65])
def test_batches_of_1_and_65(device, batch_size, monkeypatch):
    """65 as if they were too many for one block to add up their gradients."""
    monkeypatch.setattr(cuda, "WHOLE", 64)
    train = mc.data.load_sample()[0].subset(slice(batch_size + 1))
    expected, state = layer_by_layer(train, *CASES["lenet5, softmax"], "float32", batch_size)
    results, trained = on_device(device, train, *CASES["lenet5, softmax"], "float32", batch_size)
    np.testing.assert_allclose(results, expected, rtol=1e-5)
    assert_same(trained, state, 2e-5)


def test_a_step_is_two_kernels(device, digits):
    """As many as tests/benchmarks/gpu.py reports: every one costs its start."""
    net = mc.models.lenet5(rng=0, backend=device)
    with GraphSteps(net, mc.losses.MAPLoss(), sgd(net), digits, 11) as steps:
        assert len(steps.launches) == 2
        assert {steps: len(g.nodes) for steps, g in steps.graphs.items()} == {n: 2 * n + 1 for n in graph.STEPS}


def test_several_steps_in_one_launch_are_the_same_steps(device, digits, monkeypatch):
    """Two at a time, and the last of five by itself."""
    monkeypatch.setattr(graph, "STEPS", (1, 2))
    batches, rates, results, states = np.arange(10).reshape(5, 2), [*RATES, 5e-4], [], []
    for capture, launches in ((True, 3), (False, 5)):
        net, asked = mixed(backend=device), iter(launches * [False])
        with GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 2, capture=capture) as steps:
            results.append([result[1:] for result in steps.epoch(batches, rates, asked.__next__)])
            states.append(device.to_numpy(net.vector.values).copy())
            assert not list(asked), "it is asked before every launch"
            assert len(list(steps.epoch(batches, rates, iter([False, True]).__next__))) == (2 if capture else 1)
    assert results[0] == results[1]
    np.testing.assert_array_equal(states[0], states[1])


def test_preparing_leaves_the_network_as_it_was(device, digits):
    net = mc.models.lenet5(rng=0, backend=device)
    before, optimizer = net.state_dict(), sgd(net)
    with GraphSteps(net, mc.losses.MAPLoss(), optimizer, digits, 4):
        assert_same(net.state_dict(), before, 0)
        assert not device.to_numpy(optimizer.velocity[0]).any()


def test_a_second_epoch_goes_on_from_the_first_and_a_shorter_one_may_follow(device, digits):
    """Batches that are left of an epoch, as after an interruption, start anywhere in it."""
    batches, states = list(mc.data.batch_indices(SAMPLES, 4, 0)), []
    for cuts in ((slice(3),), (slice(1), slice(1, 3))):
        net = mixed(backend=device)
        with GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 4) as steps:
            for _ in range(2):
                for cut in cuts:
                    list(steps.epoch(batches[cut], RATES[:3][cut]))
        states.append(net.state_dict())
    for name in states[0]:
        np.testing.assert_array_equal(states[1][name], states[0][name], err_msg=name)


def test_the_epoch_stops_when_asked(device, digits):
    net, asked = mixed(backend=device), iter([False, True])
    batches = mc.data.batch_indices(SAMPLES, 4, 0)
    with GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 4) as steps:
        assert len(list(steps.epoch(batches, RATES[:3], lambda: next(asked)))) == 1
        assert list(steps.epoch([], [])) == []


def test_new_images_for_an_epoch(device, digits):
    """The images change and the graph does not."""
    other = mc.data.Dataset(digits.images[:, ::-1].copy(), digits.labels)
    expected, state = layer_by_layer(other, *CASES["modern"], "float64", 4)
    net = mc.models.lenet_modern(rng=0, dtype="float64", backend=device)
    with GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 4) as steps:
        steps.use_images(other.images)
        results = steps.epoch(mc.data.batch_indices(SAMPLES, 4, 0), RATES[:3])
        np.testing.assert_allclose([result[2:] for result in results], expected, rtol=1e-10)
    assert_same(net.state_dict(), state, 1e-9)


def test_a_loss_that_is_not_finite_is_told(device, digits):
    net = mc.models.lenet_modern(rng=0, backend=device)
    with GraphSteps(net, mc.losses.CrossEntropyLoss(), plain_sgd(net), digits, 4) as steps:
        losses = [loss for *_, loss, _ in steps.epoch(mc.data.batch_indices(SAMPLES, 4, 0), [1e38] * 3)]
    assert math.isfinite(losses[0]) and not math.isfinite(losses[2])


@pytest.mark.parametrize("make", [mc.models.lenet5, mc.models.lenet_modern, mixed])
def test_a_program_without_a_loss_predicts(device, digits, make):
    """Seven samples at a time; the last time two of them do not count."""
    net, count = make(rng=0, dtype="float64", backend=device), 7
    images, labels, position = device.asarray(digits.images), device.asarray(digits.labels), np.array([0, count])
    order, position = device.asarray(np.arange(SAMPLES)), device.asarray(position)
    program = Program(net, CudaForm(device, "float64"), count, images, labels, order, position)
    (section,) = program.sections
    expected = make(rng=0, dtype="float64").outputs(digits.images)
    for start, here in ((0, 7), (7, 4)):
        position[...] = device.asarray(np.array([start, here]))
        for launch in section:
            launch()
        outputs = device.to_numpy(program.output)[:, :here]
        np.testing.assert_allclose(outputs, expected[:, start : start + here], rtol=1e-10, atol=1e-12)


# --------------------------------------------------------------------------------- where there is no graph


def breaks_a_capture(monkeypatch, how):
    """From now on the update does something first that a capture refuses."""
    plain = CudaForm.step_end

    def step_end(self, values, *rest):
        end = plain(self, values, *rest)
        return lambda ahead: Launches([lambda: how(self.backend.xp, values), *end(ahead)])

    monkeypatch.setattr(CudaForm, "step_end", step_end)


@pytest.mark.parametrize("how, words", [
    (lambda xp, values: xp.matmul(values, values), "calling cuBLAS API"),
    (lambda xp, values: float(values[0]), "not permitted when stream is capturing"),
])  # fmt: skip
def test_a_step_that_cannot_be_captured_is_launched(device, digits, monkeypatch, how, words):
    _, state = on_device(device, digits, *CASES["modern"], "float64", 4)
    breaks_a_capture(monkeypatch, how)
    net = mc.models.lenet_modern(rng=0, dtype="float64", backend=device)
    with pytest.warns(RuntimeWarning, match=f"could not be captured.*launched one by one: .*{words}"):
        steps = GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 4).__enter__()
    with contextlib.ExitStack() as stack:
        stack.push(steps.__exit__)
        list(steps.epoch(mc.data.batch_indices(SAMPLES, 4, 0), RATES[:3]))
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)


class Own(mc.ReLU):
    """A layer of somebody's own."""


class OwnSGD(mc.optim.SGD):
    """An optimizer of somebody's own."""


@pytest.mark.parametrize("change, reason", [
    ({"backend": "numpy"}, "the numpy backend has no graphs"),
    ({"loss": mc.losses.RBFLoss}, "RBFLoss has no kernel"),
    ({"make": mc.models.lenet5}, "CrossEntropyLoss after an RBF layer has no kernel"),
    ({"optimizer": lambda net: OwnSGD(net.parameters(), 1e-3)}, "OwnSGD has no kernel"),
    ({"optimizer": lambda net: mc.optim.SGD(net[0].parameters(), 1e-3)}, "does not train the whole network"),
    ({"layer": Own()}, "Own has no kernels"),
    ({"layer": mc.MaxPool2d(2, dilation=2)}, "Own has no kernels"),
    ({"layer": mc.MaxPool2d(2, padding=1)}, "Own has no kernels"),
    ({"layer": mc.AvgPool2d(2, ceil_mode=True)}, "Own has no kernels"),
    ({"preprocess": lambda images, dtype: images}, "preprocess is not one of minicnn.data"),
])  # fmt: skip
def test_what_has_no_graph_says_so(device, digits, change, reason):
    net = change.get("make", mixed)(rng=0, backend=change.get("backend", device))
    if "layer" in change:
        net.layers.insert(1, change["layer"].to(device))
        net.layers[1].name = "Own"
    if "preprocess" in change:
        net.preprocess = change["preprocess"]
    loss = change.get("loss", mc.losses.CrossEntropyLoss)()
    optimizer = change.get("optimizer", plain_sgd)(net)
    assert reason in graph_obstacle(net, loss, optimizer)
    with pytest.raises(ValueError, match="cannot be captured in a graph"):
        GraphSteps(net, loss, optimizer, digits, 4)


def test_without_a_graph_on_the_device(device, digits):
    """A layer of somebody's own goes by its own methods; what stands around it stays compiled."""
    histories, states = [], []
    for backend in ("numpy", device):
        net = mixed(dtype="float64", backend=backend)
        net.layers.insert(1, Own().to(backend))
        steps = Steps(net, mc.losses.MAPLoss(2.0), sgd(net), digits, 4)
        with steps:
            batches = mc.data.batch_indices(SAMPLES, 4, 0)
            histories.append([result[1:] for result in steps.epoch(batches, RATES[:3])])
            steps.use_images(digits.images[:, ::-1].copy())
            histories[-1] += [result[1:] for result in steps.epoch([np.arange(4)], RATES)]
            assert list(steps.epoch([np.arange(4)], RATES, lambda: True)) == []
        states.append(net.state_dict())
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-10)
    assert_same(states[1], states[0], 1e-9)


# ------------------------------------------------------------------------------------------------ bad input


@contextlib.contextmanager
def graph_steps(device, dataset, batch_size=4, optimizer=sgd):
    net = mixed(backend=device)
    with GraphSteps(net, mc.losses.CrossEntropyLoss(), optimizer(net), dataset, batch_size) as steps:
        yield steps


def test_outputs_that_are_no_vectors(device, digits):
    net = mc.Sequential([mc.Conv2d(1, 2, 3)], preprocess=mc.data.UNIT).to(device)
    assert graph_obstacle(net, mc.losses.CrossEntropyLoss(), plain_sgd(net)) is None
    with (
        pytest.raises(ValueError, match=r"outputs must have shape \(classes, N\), got \(2, 26, 26, 'N'\)"),
        GraphSteps(net, mc.losses.CrossEntropyLoss(), plain_sgd(net), digits, 4),
    ):
        raise AssertionError("not reached")


def test_labels_without_an_output(device, digits):
    wrong = mc.data.Dataset(digits.images, np.full(SAMPLES, 10))
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.9, got 10"), graph_steps(device, wrong):
        raise AssertionError("not reached")
    on_device(device, digits, *CASES["modern"], "float32", 4)  # the device is as usable as before


@pytest.mark.parametrize("batches, message", [
    ([[0, 1, 2, 11]], "at most 11 indices from 0 to 10"),
    ([[0, 1, 2, -1]], "at most 11 indices from 0 to 10"),
    ([[0, 1], [2, 3, 4, 5]], "must have 4 indices, the last one at most as many"),
    ([[0, 1, 2, 3, 4]], "must have 4 indices, the last one at most as many"),
])  # fmt: skip
def test_impossible_batches(device, digits, batches, message):
    with graph_steps(device, digits) as steps, pytest.raises(ValueError, match=message):
        list(steps.epoch([np.array(indices) for indices in batches], [1e-3] * len(batches)))


def test_no_curvature_yet(device, digits):
    def without(net):
        return mc.optim.StochasticDiagonalLM(net.parameters(), 1e-3)

    with graph_steps(device, digits, optimizer=without) as steps, pytest.raises(RuntimeError, match="no curvature yet"):
        list(steps.epoch([np.arange(4)], [1e-3]))


def test_new_images_of_another_shape(device, digits):
    with graph_steps(device, digits) as step, pytest.raises(ValueError, match=r"images must be uint8 \(11, 28, 28\)"):
        step.use_images(np.zeros((11, 27, 28), np.uint8))


def test_no_memory_says_how_much_was_asked_for(device, digits):
    for limit in (5_000, 20_000, 60_000):
        net = mixed(backend=device)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(device_stand_in.Memory, "used", 0)
            patch.setattr(device_stand_in.Memory, "limit", limit)
            print(limit)
            with pytest.raises(mc.errors.DeviceMemoryError, match=r"out of memory.*[\d,]+ bytes.*--batch-size"):
                GraphSteps(net, mc.losses.CrossEntropyLoss(), sgd(net), digits, 4).__enter__()
        assert device.xp.cuda.get_current_stream().is_null
    on_device(device, digits, *CASES["modern"], "float32", 4)  # the process stays usable
