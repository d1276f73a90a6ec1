"""Networks as ONNX models: onnxruntime computes what the network computes, and weights come back from the file.

Both compute in float32, each adding up in its own order. CLOSE is how much that may be, as a share of the largest
output: some fifty roundings.
"""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import NAMES as LAYERS
from layer_cases import RANDOM, every_layer, seeds
from networks import NAMES, batch, blank, equal, networks

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.interop import load_onnx, save_onnx, to_onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CLOSE = 3e-6


def said(model, x):
    """All outputs of a model for x, samples first."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def agree(network, x):
    """A float32 network in evaluation mode and its model give the same for x, samples last."""
    (theirs,) = said(to_onnx(network, x.shape[:-1]), np.ascontiguousarray(np.moveaxis(x, -1, 0)))
    ours = np.moveaxis(network.forward(x), -1, 0)
    assert theirs.dtype == np.float32 and theirs.shape == ours.shape
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE * max(1, np.abs(ours).max()))


# ------------------------------------------------------------------------------------------------ what it computes


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_what_it_is_here(name):
    layer, shape = every_layer("float32")[name]
    network = mc.Sequential([layer]).eval()
    for count in (1, 4):
        agree(network, batch(shape, count=count)[0])


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(sorted(RANDOM)), data=st.data(), seed=seeds)
def test_layers_of_any_shape(kind, data, seed):
    layer, shape = data.draw(RANDOM[kind])
    network = mc.Sequential([layer]).to(dtype="float32").eval()
    agree(network, np.random.default_rng(seed).standard_normal(shape).astype("float32"))


@pytest.mark.parametrize("how", [
    {"size": 2, "stride": 3, "ceil_mode": True}, {"size": (1, 2), "stride": (3, 5), "ceil_mode": True},
    {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"size": 2, "stride": 1, "padding": 1},
])  # fmt: skip
@pytest.mark.parametrize("pixels", [(5, 7), (6, 9), (8, 11)])
def test_windows_over_the_edge_lie_and_count_as_they_do_here(how, pixels):
    x = batch((2, *pixels))[0]
    agree(mc.Sequential([mc.MaxPool2d(**how)]), x)
    for count_include_pad in (True, False):
        agree(mc.Sequential([mc.AvgPool2d(**how, count_include_pad=count_include_pad)]), x)


def test_a_max_pooling_that_is_dilated_reaches_far_over_the_edge():
    agree(mc.Sequential([mc.MaxPool2d(2, stride=4, dilation=4, ceil_mode=True)]), batch((1, 11, 12))[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_model_with_batches_of_any_size(name):
    network, shape = networks()[name]
    model = to_onnx(network.eval(), shape)
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["N", *shape]
    for count in (1, 7):
        x, theirs = batch(shape, count=count)
        ours = network.forward(x).T
        np.testing.assert_allclose(said(model, theirs)[0], ours, rtol=0, atol=CLOSE * np.abs(ours).max())


@pytest.mark.parametrize("name", ["lenet5", "lenet_modern"])
def test_bytes_in_and_labels_out(name):
    network, (_, test) = networks()[name][0], mc.data.load_sample()
    outputs, labels = said(to_onnx(network, images=(28, 28), labels=True), test.images)
    ours = network.outputs(test.images)
    np.testing.assert_allclose(outputs, ours.T, rtol=0, atol=CLOSE * np.abs(ours).max())
    assert labels.dtype == np.int64 and np.array_equal(labels, network.predict(test.images))


@pytest.mark.parametrize("pixels", [28, 21, 32, (20, 27)])
def test_images_of_any_size_lie_where_preprocessing_puts_them(pixels):
    """The identity of LeNet-5's input: bit by bit what ``preprocess`` makes of bytes."""
    network = mc.Sequential([mc.Dropout(0.5)], preprocess=mc.data.LENET5_1998).eval()
    size = (pixels, pixels) if isinstance(pixels, int) else pixels
    images = np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8)
    (x,) = said(to_onnx(network, images=pixels), images)
    assert np.array_equal(np.moveaxis(x, 0, -1), network.preprocess(images))


def test_a_network_in_training_mode_or_of_float64_is_exported_as_it_is_used():
    network, shape = networks("float64")["many"]
    x, theirs = batch(shape)
    (y,) = said(to_onnx(network.train(), shape), theirs)
    assert network.training and network.dtype == np.float64
    ours = network.eval().forward(x.astype("float64")).T
    np.testing.assert_allclose(y, ours, rtol=0, atol=CLOSE * np.abs(ours).max())


# ------------------------------------------------------------------------------------------------------ and back


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_bit_by_bit(tmp_path, name):
    network, shape = networks()[name]
    save_onnx(network, tmp_path / "net.onnx", shape)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    onnx.checker.check_model(tmp_path / "net.onnx", full_check=True)
    assert equal(load_onnx(blank(name), tmp_path / "net.onnx"), network)


def test_another_networks_file_changes_nothing(tmp_path):
    save_onnx(mc.models.lenet_modern(rng=0), tmp_path / "net.onnx", (1, 28, 28))
    network = mc.models.lenet5(rng=0)
    with pytest.raises(CheckpointError, match=r"net\.onnx is of another architecture: C1\.weight, .* missing"):
        load_onnx(network, tmp_path / "net.onnx")
    assert equal(network, mc.models.lenet5(rng=0))


def changed(change):
    """The bytes of LeNet-5's model after ``change(model, {name: initializer})``."""
    model = to_onnx(mc.models.lenet5(rng=1))
    change(model, {tensor.name: tensor for tensor in model.graph.initializer})
    return model.SerializeToString()


def array(tensor, values):
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(values, np.float32), tensor.name))


@pytest.mark.parametrize("wrong, words", [
    (b"\x08no model", "cannot be read as an ONNX model"),
    (changed(lambda m, t: setattr(m, "producer_name", "pytorch")), "was written by pytorch: .*load_torch_state_dict"),
    (changed(lambda m, t: t["C1.weight"].dims.append(1 << 40)), r"damaged: C1\.weight cannot be read"),
    (changed(lambda m, t: setattr(t["C1.weight"], "data_type", 99)), r"damaged: C1\.weight cannot be read"),
    (changed(lambda m, t: setattr(t["C1.bias"], "data_location", 1)), r"damaged: C1\.bias lies in another file"),
    (changed(lambda m, t: array(t["C1.bias"], np.ones(5))), r"C1\.bias is \(5,\), this network has \(6,\)"),
    (changed(lambda m, t: array(t["F6.bias"], np.full(84, np.inf))), r"F6\.bias are not finite"),
    (changed(lambda m, t: array(t["C3.weight"], np.ones((16, 6, 5, 5)))), r"C3\.weight that is not 0 where"),
    (changed(lambda m, t: array(t["C3.weight"], np.ones((16, 5, 5, 5)))), r"C3\.weight is \(16, 5, 5, 5\)"),
    (changed(lambda m, t: array(t["S2.coefficient"], np.arange(24).reshape(6, 1, 2, 2))), r"not one number a map"),
    (changed(lambda m, t: array(t["output.prototypes"], np.ones((10, 84)))), r"holds other output\.prototypes than"),
    (changed(lambda m, t: onnx.helper.set_model_props(m, {"minicnn": "[1"})), "damaged: its facts cannot be read"),
    (changed(lambda m, t: onnx.helper.set_model_props(m, {"minicnn": "[1]"})), "damaged: its facts must be a mapping"),
    (changed(lambda m, t: onnx.helper.set_model_props(m, {})), "damaged: its facts cannot be read"),
    (changed(lambda m, t: onnx.helper.set_model_props(m, {"minicnn": '{"counts": {}, "classes": 3}'})),
     "damaged: its classes must be a list of names, got 3"),
])  # fmt: skip
def test_a_damaged_file_changes_nothing(tmp_path, wrong, words):
    network = mc.models.lenet5(rng=0)
    (tmp_path / "a.onnx").write_bytes(wrong)
    with pytest.raises(CheckpointError, match=rf"a\.onnx.*{words}"):
        load_onnx(network, tmp_path / "a.onnx")
    assert equal(network, mc.models.lenet5(rng=0))


def test_files_cut_off_or_with_flipped_bits_are_refused_or_read(tmp_path):
    save_onnx(mc.models.lenet5(rng=1), tmp_path / "a.onnx")
    whole, rng = (tmp_path / "a.onnx").read_bytes(), np.random.default_rng(0)
    refused = 0
    for trial in range(40):
        damaged = bytearray(whole[: rng.integers(len(whole))] if trial % 2 else whole)
        for place in rng.integers(0, min(len(damaged), 2000), 3):
            damaged[place] ^= 1 << rng.integers(8)
        (tmp_path / "b.onnx").write_bytes(damaged)
        network = mc.models.lenet5(rng=0)
        try:
            load_onnx(network, tmp_path / "b.onnx")
        except CheckpointError:
            refused += 1
            assert equal(network, mc.models.lenet5(rng=0))
    assert refused >= 20


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.onnx: there is no such file"):
        load_onnx(mc.models.lenet5(), tmp_path / "none.onnx")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CheckpointError, match="pipe cannot be read"):
            load_onnx(mc.models.lenet5(), tmp_path / "pipe")


def test_the_names_of_the_classes_come_along(tmp_path):
    save_onnx(mc.models.lenet5("ABC", rng=0), tmp_path / "a.onnx")
    assert load_onnx(mc.models.lenet5("ABC"), tmp_path / "a.onnx").classes == ("A", "B", "C")
    with pytest.raises(CheckpointError, match=r"a\.onnx tells 3 classes apart \(A, B, C\), this network 10"):
        load_onnx(mc.models.lenet5(), tmp_path / "a.onnx")


# ---------------------------------------------------------------------------------------------------- refusals


class Square(mc.Layer):
    def forward(self, x):
        return x * x

    def backward(self, dy): ...


class OwnReLU(mc.ReLU):
    """Might compute anything."""


@pytest.mark.parametrize("layer", [Square(), OwnReLU()], ids=lambda layer: type(layer).__name__)
def test_a_layer_of_ones_own_is_refused_by_name(tmp_path, layer):
    name = type(layer).__name__
    network = mc.Sequential([mc.Linear(2, 2, rng=0), mc.Residual({"mine": layer})])
    with pytest.raises(TypeError, match=f"^1.Residual.mine: {name} is a layer of your own"):
        save_onnx(network, tmp_path / "a.onnx", (2,))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how, error, words", [
    ({}, ValueError, r"input_shape must be \(C, H, W\) or \(features,\), got None"),
    ({"input_shape": 4}, ValueError, "got 4"),
    ({"input_shape": (3,)}, ValueError, r"0\.Linear: x must have shape \(2, N\), got \(3, 1\)"),
    ({"images": (4, 4)}, TypeError, r"images= needs a preprocess of mc\.data, as mc\.data\.UNIT, got None"),
])  # fmt: skip
def test_shapes_that_do_not_fit(how, error, words):
    with pytest.raises(error, match=words):
        to_onnx(mc.Sequential([mc.Linear(2, 2, rng=0)]), **how)


@pytest.mark.parametrize("how, error, words", [
    ({"images": (33, 28)}, ValueError, "images must be at most 32x32 pixels, got 33x28"),
    ({"images": (28, 28), "input_shape": (1, 32, 32)}, ValueError, "leave input_shape out"),
    ({"images": 2.5}, TypeError, "images must be an integer, got 2.5"),
])  # fmt: skip
def test_images_that_do_not_fit(how, error, words):
    with pytest.raises(error, match=words):
        to_onnx(mc.models.lenet5(rng=0), **how)


def test_labels_need_classes():
    with pytest.raises(ValueError, match=r"labels=True needs outputs \(classes, N\), the network's are \(6, 28, 28\)"):
        to_onnx(mc.Sequential([mc.Conv2d(1, 6, 5, rng=0)]), (1, 32, 32), labels=True)


def test_a_number_a_sample_has_the_shape_of_nothing():
    agree(mc.Sequential([mc.Tanh()]), np.linspace(-1, 1, 5, dtype="float32"))


def test_a_single_layer_is_no_network():
    with pytest.raises(TypeError, match=r"network must be a minicnn\.Sequential, got Linear"):
        to_onnx(mc.Linear(2, 2), (2,))


def test_counts_of_batches_are_facts_of_the_file():
    model = to_onnx(networks()["many"][0], (2, 11, 11))
    (fact,) = model.metadata_props
    assert fact.key == "minicnn" and set(json.loads(fact.value)["counts"].values()) == {7}
