"""``minicnn export``: a file for another program from the command line, whole or not at all."""

import re
import sys

import numpy as np
import pytest

import minicnn as mc
from minicnn import cli


def export(*arguments):
    return cli.main(["export", *map(str, arguments)])


@pytest.fixture
def trained(tmp_path):
    """A file with another network's weights than those of the package."""
    net = mc.models.lenet5("ABC", rng=3)
    net.save(tmp_path / "abc.npz")
    return net, tmp_path / "abc.npz"


def test_npz_of_minicnn_and_of_pytorch(tmp_path, trained, capsys):
    net, path = trained
    assert export(tmp_path / "a.npz", "--network", path) == 0
    assert capsys.readouterr().out == f"written: {tmp_path / 'a.npz'}\n"
    assert np.array_equal(mc.models.lenet5("ABC").load(tmp_path / "a.npz").vector.values, net.vector.values)
    assert export(tmp_path / "b.npz", "--network", path, "--pytorch") == 0
    with np.load(tmp_path / "b.npz") as found:
        other = mc.interop.load_torch_state_dict(mc.models.lenet5("ABC"), dict(found))
    assert np.array_equal(other.vector.values, net.vector.values)


def test_the_weights_of_the_package_where_none_are_given(tmp_path):
    assert export(tmp_path / "a.npz") == 0
    expected = mc.models.lenet5(pretrained=True).vector.values
    assert np.array_equal(mc.models.lenet5().load(tmp_path / "a.npz").vector.values, expected)


def test_safetensors(tmp_path, trained):
    pytest.importorskip("safetensors")
    net, path = trained
    assert export(tmp_path / "a.safetensors", "--network", path) == 0
    other = mc.interop.load_safetensors(mc.models.lenet5("ABC"), tmp_path / "a.safetensors")
    assert np.array_equal(other.vector.values, net.vector.values)


@pytest.mark.parametrize("arguments, name, shape", [
    ([], "images", ["N", 28, 28]), (["--images", "20x24"], "images", ["N", 20, 24]),
    (["--preprocessed"], "input", ["N", 1, 32, 32]),
])  # fmt: skip
def test_onnx(tmp_path, trained, arguments, name, shape):
    onnx = pytest.importorskip("onnx")
    net, path = trained
    assert export(tmp_path / "a.onnx", "--network", path, *arguments) == 0
    graph = onnx.load(tmp_path / "a.onnx").graph
    (value,) = graph.input
    assert (value.name, [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]) == (name, shape)
    assert [value.name for value in graph.output] == ["output", "labels"]
    other = mc.interop.load_onnx(mc.models.lenet5("ABC"), tmp_path / "a.onnx")
    assert np.array_equal(other.vector.values, net.vector.values)


def test_the_modern_variant(tmp_path):
    pytest.importorskip("onnx")
    net = mc.models.lenet_modern(rng=0)
    net.save(tmp_path / "net.npz")
    how = ["--model", "lenet_modern", "--network", tmp_path / "net.npz"]
    assert export(tmp_path / "a.onnx", *how) == export(tmp_path / "b.onnx", "--preprocessed", *how) == 0
    for file in ("a.onnx", "b.onnx"):
        other = mc.interop.load_onnx(mc.models.lenet_modern(), tmp_path / file)
        assert np.array_equal(other.vector.values, net.vector.values)


@pytest.mark.parametrize("arguments, words", [
    (["a.pt"], "FILE must end in .onnx, .safetensors, .npz, got a.pt"),
    (["a.onnx", "--images", "28"], "must be HEIGHTxWIDTH, as 28x28, got 28"),
    (["a.onnx", "--images", "28x28", "--preprocessed"], "leave --images out"),
    (["a.onnx", "--model", "lenet_modern"], "no weights of lenet_modern come with minicnn: give --network FILE"),
])  # fmt: skip
def test_a_command_line_that_makes_no_sense(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        export(*arguments)
    assert ended.value.code == 2 and words in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("file, words", [
    ("a.npz", "error: none.npz: there is no such file\n"), ("a.onnx", "error: none.npz: there is no such file\n"),
])  # fmt: skip
def test_weights_that_are_not_there(tmp_path, monkeypatch, capsys, file, words):
    monkeypatch.chdir(tmp_path)
    assert export(file, "--network", "none.npz") == 1
    assert capsys.readouterr().err == words and not list(tmp_path.iterdir())


def test_images_that_the_network_does_not_see(tmp_path, capsys):
    pytest.importorskip("onnx")
    assert export(tmp_path / "a.onnx", "--images", "40x40") == 1
    assert capsys.readouterr().err == "error: images must be at most 32x32 pixels, got 40x40\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file, package", [("a.onnx", "onnx"), ("a.safetensors", "safetensors")])
def test_a_package_that_is_missing_is_named(tmp_path, capsys, monkeypatch, file, package):
    for name in ("onnx", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    assert export(tmp_path / file) == 1
    assert re.match(rf"error: an? .* needs {package} \(pip install .*\[interop\]", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())
