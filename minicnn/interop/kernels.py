"""Two forms of a convolution's weight: the kernels of a table of connections, and the whole weight with zeros.

Neither PyTorch nor ONNX has tables. There a convolution that Table I describes has the whole weight (C_out, C_in, KH,
KW), 0 where two maps are not connected, and computes the same. Equal groups are what both of them have.
"""

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.layers import Conv2d
from minicnn.typing import Array


def has_table(layer: Conv2d) -> bool:
    """Whether the layer's weight is the kernels of a table that is more than equal groups."""
    return layer.table is not None and layer.groups == 1


def whole_weight(layer: Conv2d, kernels: Array) -> Array:
    """(pairs, KH, KW) -> (C_out, C_in, KH, KW), zeros between maps that are not connected; others as they are."""
    if not has_table(layer):
        return kernels
    weight = np.zeros((layer.out_channels, layer.in_channels, *layer.kernel_size), kernels.dtype)
    weight[_pairs(layer)] = kernels
    return weight


def connected_kernels(layer: Conv2d, weight: Array, name: str) -> Array:
    """(C_out, C_in, KH, KW) -> (pairs, KH, KW); CheckpointError unless the rest is zeros, for then it computes else."""
    if not has_table(layer):
        return weight
    pairs, rest = _pairs(layer), np.array(weight)
    rest[pairs] = 0
    for o, c in np.argwhere(rest.any(axis=(2, 3))).tolist():
        raise CheckpointError(
            f"has {name} that is not 0 where this network connects nothing, as from map {c} to map {o}: set those "
            "weights to 0, or make the network without that table of connections"
        )
    return weight[pairs]


def _pairs(layer: Conv2d) -> tuple[Array, ...]:
    """(output maps, input maps) of the table, an index of a whole weight."""
    return tuple(layer.backend.to_numpy(layer.pairs))
