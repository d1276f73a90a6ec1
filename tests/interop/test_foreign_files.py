"""``net.load`` of another program's file says what it is and what to do; nothing is changed, and nothing is run."""

import pickle
import zipfile

import numpy as np
import pytest
from networks import equal

import minicnn as mc
from minicnn.errors import CheckpointError


def pytorch(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))


def old_pytorch(path):
    path.write_bytes(pickle.dumps(Bomb()))


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def keras(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))


def safetensors(path):
    pytest.importorskip("safetensors")
    mc.interop.save_safetensors(mc.models.lenet5(rng=1), path)


def onnx(path):
    pytest.importorskip("onnx")
    mc.interop.save_onnx(mc.models.lenet5(rng=1), path)


@pytest.mark.parametrize("write, words", [
    (pytorch, r"is a file of PyTorch's, .*load_torch_state_dict\(net, torch\.load\('.*m', weights_only=True\)\)$"),
    (old_pytorch, r"is a file of PyTorch's, .*load_torch_state_dict\(net, torch\.load\('.*m', weights_only=True\)\)$"),
    (keras, r"is a file of Keras or another HDF5 program: .* net\.load_state_dict"),
    (safetensors, r"is a \.safetensors file: mc\.interop\.load_safetensors\(net, '.*m'\) reads it$"),
    (onnx, r"is an ONNX model: mc\.interop\.load_onnx\(net, '.*m'\) reads one that minicnn wrote$"),
])  # fmt: skip
def test_load_says_how_to_read_it(tmp_path, write, words):
    network = mc.models.lenet5(rng=0)
    write(tmp_path / "m")
    with pytest.raises(CheckpointError, match=words):
        network.load(tmp_path / "m")
    assert equal(network, mc.models.lenet5(rng=0))


def test_what_torch_save_writes_is_told(tmp_path):
    torch = pytest.importorskip("torch")
    weights = {name: torch.as_tensor(a) for name, a in mc.interop.torch_state_dict(mc.models.lenet5(rng=1)).items()}
    for file, zipped in (("new.pt", True), ("old.pt", False)):
        torch.save(weights, tmp_path / file, _use_new_zipfile_serialization=zipped)
        with pytest.raises(CheckpointError, match=rf"{file} is a file of PyTorch's"):
            mc.models.lenet5().load(tmp_path / file)


@pytest.mark.parametrize("contents", [b"", b"\x80", b"\x08", b"PK\x03\x04", bytes(7), np.float32(1).tobytes()])
def test_a_few_bytes_are_nobodys_file(tmp_path, contents):
    (tmp_path / "m").write_bytes(contents)
    with pytest.raises(CheckpointError, match="m cannot be read as a checkpoint"):
        mc.models.lenet5().load(tmp_path / "m")
