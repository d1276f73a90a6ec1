"""Weight files of other programs, told by how they begin, and what to do with each."""

import zipfile

PYTORCH = (
    "a file of PyTorch's, a pickle, which minicnn never runs. Where PyTorch is installed: "
    "mc.interop.load_torch_state_dict(net, torch.load({path!r}, weights_only=True))"
)
SAFETENSORS = "a .safetensors file: mc.interop.load_safetensors(net, {path!r}) reads it"
ONNX = "an ONNX model: mc.interop.load_onnx(net, {path!r}) reads one that minicnn wrote"
KERAS = "a file of Keras or another HDF5 program: read its arrays there, and give net.load_state_dict a mapping of them"


def foreign(path, file):
    """What the open file is and what to do with it, in words that go on from its name; None if it may be minicnn's."""
    start = file.read(16)
    words = _kind(start, file)
    return words and "is " + words.format(path=str(path))


def _kind(start, file):
    if start[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        return PYTORCH if any(name.endswith("data.pkl") for name in names) else None
    if start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return PYTORCH
    if start[:8] == b"\x89HDF\r\n\x1a\n":
        return KERAS
    if start[8:9] == b"{" and start[6:8] == b"\0\0":  # the length of a header that JSON begins
        return SAFETENSORS
    if start[:1] == b"\x08" and start[2:3] in (b"\x12", b"\x1a", b"\x3a"):  # its version; a producer's name or a graph
        return ONNX
    return None
