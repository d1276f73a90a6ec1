"""Weights as .safetensors files: PyTorch's names, whole or not at all, nothing changed by a file that does not fit."""

import json
import os
import struct
import sys

import numpy as np
import pytest
from networks import NAMES, blank, equal, networks

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.interop import load_safetensors, save_safetensors, torch_state_dict

library = pytest.importorskip("safetensors.numpy")


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_bit_by_bit(tmp_path, name):
    network, _ = networks()[name]
    save_safetensors(network, tmp_path / "net.safetensors")
    assert equal(load_safetensors(blank(name), tmp_path / "net.safetensors"), network)
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_another_reader_finds_pytorchs_names_and_shapes(tmp_path):
    network, _ = networks()["many"]
    save_safetensors(network, tmp_path / "net.safetensors")
    found, expected = library.load_file(tmp_path / "net.safetensors"), torch_state_dict(network)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_names_as_of_the_module_and_halves_of_another_writer(tmp_path):
    network, names = mc.models.lenet5(rng=0), {"C1": "features.0"}
    halves = {name: array.astype("float16") for name, array in torch_state_dict(network, names).items()}
    library.save_file(halves, tmp_path / "net.safetensors")
    load_safetensors(network, tmp_path / "net.safetensors", names)
    assert np.array_equal(network["C1"].weight.value, halves["features.0.weight"].astype("float32"))


def test_the_names_of_the_classes_come_along(tmp_path):
    save_safetensors(mc.models.lenet5("ABC", rng=0), tmp_path / "a.safetensors")
    unnamed = mc.models.lenet5("ABC")
    unnamed.classes = None
    assert load_safetensors(unnamed, tmp_path / "a.safetensors").classes == ("A", "B", "C")


def contents(arrays, **facts):
    """A .safetensors file by hand: the length of its header, the header, the numbers."""
    header, data = {"__metadata__": facts}, b""
    for name, (kind, shape, numbers) in arrays.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(numbers)]}
        data += numbers
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


LINEAR = {"0.weight": ("F32", [1, 2], bytes(8)), "0.bias": ("F32", [1], bytes(4))}


@pytest.mark.parametrize("wrong, words", [
    (b"", "cannot be read as a .safetensors file"),
    (contents(LINEAR)[:-1], "cannot be read as a .safetensors file"),
    (struct.pack("<Q", 1 << 60) + b"{}", "cannot be read as a .safetensors file"),
    (b"\x08\x08\x12\x07minicnn", "cannot be read as a .safetensors file"),
    (contents({**LINEAR, "0.bias": ("F32", [1 << 40], bytes(4))}), "cannot be read as a .safetensors file"),
    (contents({**LINEAR, "0.bias": ("BF16", [1], bytes(2))}), r"holds 0\.bias as BF16: save it as float32 \(F32\)"),
    (contents({**LINEAR, "0.bias": ("I64", [1], bytes(8))}), r"0\.Linear\.bias must hold real numbers"),
    (contents({**LINEAR, "0.bias": ("F32", [2], bytes(8))}), r"is another model's: 0\.bias is \(2,\), this .* \(1,\)"),
    (contents({"0.bias": LINEAR["0.bias"]}), r"is another model's: missing: 0\.weight \(1, 2\)"),
    (contents(LINEAR, producer="minicnn", classes="[1"), "is damaged: its classes cannot be read"),
    (contents(LINEAR, producer="minicnn", classes="[1, 2]"), "is damaged: its classes must be names, got 1"),
    (contents({**LINEAR, "0.bias": ("F32", [1], struct.pack("<f", float("nan")))}), "are not finite"),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_before_anything_changes(tmp_path, wrong, words):
    network = mc.Sequential([mc.Linear(2, 1, rng=0)])
    before, path = network.state_dict(), tmp_path / "a.safetensors"
    path.write_bytes(wrong)
    with pytest.raises(CheckpointError, match=f"a.safetensors.*{words}"):
        load_safetensors(network, path)
    assert all(np.array_equal(before[name], array) for name, array in network.state_dict().items())
    path.write_bytes(contents(LINEAR))
    assert not load_safetensors(network, path).vector.values.any()


def test_what_is_no_file_is_refused(tmp_path):
    network = mc.Sequential([mc.Linear(2, 1, rng=0)])
    with pytest.raises(CheckpointError, match=r"none\.safetensors: there is no such file"):
        load_safetensors(network, tmp_path / "none.safetensors")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CheckpointError, match=r"pipe cannot be read .* is no regular file"):
            load_safetensors(network, tmp_path / "pipe")


def test_without_the_library_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"safetensors file needs safetensors \(pip install .*interop"):
        save_safetensors(mc.models.lenet5(rng=0), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
