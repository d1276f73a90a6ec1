"""Weights and networks for other programs: PyTorch's names and shapes, safetensors, ONNX. docs/interop.md shows them.

Nothing here imports PyTorch: a ``state_dict`` is a mapping from names to arrays, and a tensor gives its array itself.
``onnx`` and ``safetensors`` are imported by the functions that need them.
"""

from minicnn.interop.onnx_files import save_onnx, to_onnx
from minicnn.interop.onnx_weights import load_onnx
from minicnn.interop.pytorch import load_torch_state_dict, torch_state_dict
from minicnn.interop.tensors import load_safetensors, save_safetensors

__all__ = [
    "load_onnx", "load_safetensors", "load_torch_state_dict", "save_onnx", "save_safetensors", "to_onnx",
    "torch_state_dict",
]  # fmt: skip
