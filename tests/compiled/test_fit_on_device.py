"""``fit`` takes the graph wherever there is one, and nothing but the time tells the difference."""

import device_stream
import numpy as np
import pytest

import minicnn as mc
from minicnn.compiled import prediction
from minicnn.errors import DeviceError, DivergedError
from minicnn.training import fit

pytestmark = pytest.mark.slow

SAMPLES = 11


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(slice(SAMPLES))


def sgd(net, rate):
    return mc.optim.SGD(net.parameters(), rate, momentum=0.9)


def diagonal(net, rate):
    return mc.optim.StochasticDiagonalLM(net.parameters(), rate, curvature_samples=5)


def trained(backend, digits, optimizer=sgd, epochs=2, rate=1e-3, **how):
    net = mc.models.lenet_modern(rng=0, dtype="float64", backend=backend)
    optimizer = optimizer(net, rate)
    how = {"batch_size": 4, "schedule": mc.optim.schedules.Cosine(rate, 2), "progress": False, **how}
    history = fit(net, mc.losses.CrossEntropyLoss(), optimizer, digits, epochs=epochs, **how)
    return net.state_dict(), history, optimizer


def assert_same(state, expected, rtol):
    assert list(state) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(state[name], value, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("optimizer", [sgd, diagonal])
def test_fit_takes_the_graph_and_gives_numpys_history(device, digits, optimizer):
    state, history, numpys = trained("numpy", digits, optimizer)
    del device.xp.launched[:]
    device_state, device_history, devices = trained(device, digits, optimizer)
    assert "step_end" in device.xp.launched
    assert_same(device_state, state, 1e-9)
    for record, expected in zip(device_history, history, strict=True):
        assert list(record) == list(expected)
        same = [key for key in record if "seconds" not in key and key != "images_per_second"]
        assert [record[key] for key in same] == pytest.approx([expected[key] for key in same], rel=1e-9)
    assert devices.lr == numpys.lr


def test_resuming_on_the_device_is_bit_equal(device, digits, tmp_path):
    whole, _, _ = trained(device, digits)
    trained(device, digits, epochs=1, checkpoint=tmp_path / "half.npz")
    resumed, _, _ = trained(device, digits, resume=tmp_path / "half.npz")
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def test_divergence_names_epoch_and_batch(device, digits):
    with np.errstate(all="ignore"), pytest.raises(DivergedError, match=r"loss is (nan|inf) in epoch 1, batch [23]"):
        trained(device, digits, rate=1e38, schedule=None)


@pytest.mark.parametrize("error", [device_stream.CUDARuntimeError, device_stream.CUDADriverError])
def test_a_device_lost_while_training_leaves_the_checkpoint(device, digits, monkeypatch, tmp_path, error):
    path, launch, launched = tmp_path / "run.npz", device_stream.Graph.launch, []

    def fail(*args):
        raise error("CUDA_ERROR_ECC_UNCORRECTABLE: uncorrectable ECC error encountered")

    def launch_four(graph, stream=None):  # an epoch has three batches
        launched.append(graph)
        if len(launched) > 4:
            patch.setattr(device_stream.Device, "synchronize", fail)  # from then on everything fails
            fail()
        launch(graph, stream)

    with monkeypatch.context() as patch, pytest.raises(DeviceError, match=r"the GPU failed: .*ECC error.*--resume"):
        patch.setattr(device_stream.Graph, "launch", launch_four)
        trained(device, digits, checkpoint=path)
    device.synchronize()
    expected, history, _ = trained("numpy", digits)
    state, resumed, _ = trained("numpy", digits, resume=path)
    assert [record["epoch"] for record in resumed] == [record["epoch"] for record in history] == [1, 2]
    assert_same(state, expected, 1e-9)


def upside_down(images, rng, backend):
    return images[:, ::-1].copy()


@pytest.mark.parametrize("augment", [upside_down, mc.data.Distortion(elastic=8)], ids=["own", "distortion"])
def test_augmented_images_change_and_the_graph_does_not(augment, device, digits):
    state, _, _ = trained("numpy", digits, augment=augment, epochs=1)
    device_state, _, _ = trained(device, digits, augment=augment, epochs=1)
    assert_same(device_state, state, 1e-9)
    with pytest.raises(AssertionError):
        assert_same(state, trained("numpy", digits, epochs=1)[0], 1e-9)  # it did change something


def test_what_has_no_graph_trains_all_the_same(device, digits):
    class Own(mc.ReLU):
        """A layer of somebody's own."""

    def train(backend):
        net = mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0), Own()], preprocess=mc.data.UNIT).to(backend)
        fit(net, mc.losses.CrossEntropyLoss(), sgd(net, 1e-2), digits, epochs=1, batch_size=4, progress=False)
        return net.state_dict()

    del device.xp.launched[:]
    assert_same(train(device), train("numpy"), 1e-5)
    assert "step_end" not in device.xp.launched


@pytest.mark.parametrize("part", [300, 120])
def test_prediction_on_the_device_says_what_numpy_says(device, monkeypatch, part):
    """In one part; in two and a shorter one, without a word to the host in between."""
    monkeypatch.setattr(prediction, "GPU_PART", part)
    images = mc.data.load_sample()[0].images[:300]
    net = mc.models.lenet_modern(rng=0, dtype="float64")
    expected = net.forward(net.input(images))
    net.to(device)
    del device.xp.launched[:]
    with monkeypatch.context() as patch:
        patch.setattr(device_stream, "copy_to_host", lambda: pytest.fail("something waits for the device"))
        said = net.outputs(images)
    assert sum(name.startswith("gather") for name in device.xp.launched) == -(-300 // part)
    np.testing.assert_allclose(device.to_numpy(said), expected, rtol=0, atol=1e-12)


def test_evaluation_on_the_device_says_what_numpy_says(device):
    digits = mc.data.load_sample()[1].subset(slice(260))
    net, loss = mc.models.lenet5(rng=0, dtype="float64"), mc.losses.MAPLoss()
    expected = mc.training.evaluate(net, digits, loss)
    net.to(device)
    del device.xp.launched[:]
    result = mc.training.evaluate(net, digits, loss)
    assert any(name.startswith("gather") for name in device.xp.launched)  # the device is given bytes
    assert result.loss == pytest.approx(expected.loss, rel=1e-10)
    np.testing.assert_array_equal(result.confusion, expected.confusion)


def test_an_evaluator_copies_the_images_once_and_sees_the_weights_change(device, monkeypatch):
    digits = mc.data.load_sample()[1].subset(slice(300))
    nets, loss = [mc.models.lenet_modern(rng=seed, dtype="float64") for seed in (0, 1)], mc.losses.CrossEntropyLoss()
    expected = [mc.training.evaluate(net, digits, loss) for net in nets]
    net, evaluator = mc.models.lenet_modern(rng=0, dtype="float64", backend=device), mc.training.Evaluator(digits, loss)
    results = [evaluator(net)]
    net.load_state_dict(nets[1].state_dict())
    monkeypatch.setattr(device_stream.Memory, "used", 0)
    results.append(evaluator(net))
    assert device_stream.Memory.used < digits.images.nbytes
    results.append(evaluator(net.to("numpy")))
    results.append(evaluator(net.to(device)))
    for result, other in zip(results, [expected[0], *3 * [expected[1]]], strict=True):
        assert result.loss == pytest.approx(other.loss, rel=1e-10)
        np.testing.assert_array_equal(result.predictions, other.predictions)
        np.testing.assert_array_equal(result.confusion, other.confusion)


def test_an_average_is_tested_on_the_same_copy_of_the_images(device, digits, monkeypatch):
    test, copied = mc.data.load_sample()[1].subset(slice(260)), []
    asarray = device.asarray

    def watched(a, *how, **named):
        copied.extend([True] * (isinstance(a, np.ndarray) and np.may_share_memory(a, test.images)))
        return asarray(a, *how, **named)

    monkeypatch.setattr(device, "asarray", watched)
    net = mc.models.lenet_modern(rng=0, backend=device)
    average = mc.training.AveragedNetwork(net, 0.5, every=2)
    how = {"epochs": 2, "batch_size": 4, "average": average, "progress": False}
    history = fit(net, mc.losses.CrossEntropyLoss(), sgd(net, 1e-3), digits, test, **how)
    assert len(copied) == 1
    assert history[1]["average_test_loss"] != history[1]["test_loss"] != history[0]["test_loss"]


@pytest.mark.parametrize("optimizer", [mc.optim.Adam, lambda p: mc.optim.AdamW(p, amsgrad=True)], ids=["Adam", "AdamW"])
def test_layers_that_draw_keep_statistics_and_branch(device, digits, optimizer, tmp_path):
    def network(backend, seed=0):
        how = {"rng": np.random.default_rng(seed), "dtype": "float64"}
        return mc.Sequential([
            mc.Conv2d(1, 3, 5, stride=3, **how), mc.BatchNorm2d(3, dtype="float64"), mc.ReLU(),
            mc.Residual([mc.Conv2d(3, 3, 3, padding=1, **how), mc.LayerNorm((3, 8, 8), dtype="float64")]),
            mc.Parallel([mc.Conv2d(3, 2, 1, **how), [mc.Conv2d(3, 2, 1, **how), mc.Tanh()]], "concatenate"),
            mc.Flatten(), mc.Dropout(0.4, rng=seed), mc.Linear(256, 10, **how),
        ], preprocess=mc.data.UNIT).to(backend)  # fmt: skip

    def train(backend, epochs=2, seed=0, **how):
        net = network(backend, seed)
        loss = mc.losses.CrossEntropyLoss()
        fit(net, loss, optimizer(net.parameters()), digits, epochs=epochs, batch_size=4, progress=False, **how)
        return net

    net, expected = train(device), train("numpy")
    assert_same(net.state_dict(), expected.state_dict(), 1e-9)
    images = mc.data.load_sample()[1].images[:300]
    said = device.to_numpy(net.outputs(images))
    np.testing.assert_allclose(said, expected.outputs(images), rtol=0, atol=1e-9)
    train(device, epochs=1, checkpoint=tmp_path / "half.npz")
    resumed = train(device, seed=9, resume=tmp_path / "half.npz")
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array, err_msg=name)
