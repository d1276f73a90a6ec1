"""What is traced: a private copy of a network, its layers, its input and its labels."""

import copy
from typing import Any

import numpy as np

from minicnn import layers
from minicnn.network import Sequential
from minicnn.typing import Array, ArrayLike


def private_copy(net: Sequential) -> Sequential:
    """A copy in evaluation mode whose forward and backward leave ``net`` itself alone."""
    if not isinstance(net, Sequential):
        raise TypeError(f"net must be a Sequential network, got {type(net).__name__}")
    return copy.deepcopy(net).eval()


def leaves(net: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """[(name, layer)] of every layer that is not itself a Sequential, in order."""
    found = []
    for layer in net:
        if type(layer) in (Sequential, layers.Sequential):  # one of a user's own is a layer of its own
            found += leaves(layer, f"{prefix}{layer.name}.")
        else:
            found.append((prefix + layer.name, layer))
    return found


def images(net: Sequential, x: Array) -> Array:
    """x as ``net.forward`` takes it, from a uint8 image (H, W), several (N, H, W), or real (C, H, W, N).

    Raises TypeError or ValueError for anything else.
    """
    if not hasattr(x, "shape"):
        raise TypeError(f"x must be an array, got {type(x).__name__}")
    if x.dtype == np.uint8:
        if len(x.shape) == 2:
            x = x[None]
        if len(x.shape) != 3:
            raise ValueError(f"x must be a uint8 image (H, W) or several (N, H, W), got shape {tuple(x.shape)}")
    if 0 in x.shape:
        raise ValueError(f"x is empty, shape {tuple(x.shape)}")
    return net.input(x)


def labels(label: ArrayLike, count: int) -> Array:
    """``label``, an integer or one for each of ``count`` samples, as an array (count,)."""
    given = np.atleast_1d(np.asarray(label))
    if given.dtype.kind not in "iu":
        raise TypeError(f"label must be an integer, or one for each sample, got {label!r}")
    if given.shape != (count,):
        raise ValueError(f"label must have one number for each sample of x, {count}, got shape {given.shape}")
    return given.astype(np.int64)


def larger_wins(net: Sequential) -> bool:
    """Whether ``net`` decides for the largest output (logits), not for the smallest (distances)."""
    two = net.backend.asarray(np.array([[0.0], [1.0]]))
    return int(net.backend.to_numpy(net.decide(two))[0]) == 1
