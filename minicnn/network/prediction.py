"""From images to labels. Methods of ``Sequential``: the first argument is the network."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn.compiled import prediction
from minicnn.errors import DivergedError
from minicnn.layers.checks import MASKED, positive
from minicnn.layers.parts import evaluating
from minicnn.typing import Array

if TYPE_CHECKING:
    from minicnn.network.network import Sequential

BATCH_SIZE = 500
"""How many images go through the layers at once: enough to keep a GPU busy, few enough for any memory."""


def predict(network: "Sequential", images: Array, batch_size: int | None = None) -> Array:
    """The label of every image, a NumPy array (N,); arguments and errors as of ``outputs``.

    Raises DivergedError where outputs are no numbers: the network has run away, and a label would mean nothing.
    """
    return decisions(network, network.outputs(images, batch_size))


def decisions(network: Any, outputs: Array) -> Array:
    """The labels that ``outputs`` (outputs, N) stand for; DivergedError for NaN."""
    if wrong := int(network.backend.xp.isnan(outputs).any(axis=0).sum()):
        raise DivergedError(f"the network's outputs are NaN for {wrong:,} of {outputs.shape[-1]:,} images: its weights "
                            "or its inputs are no numbers any more")  # fmt: skip
    return network.backend.to_numpy(network.decide(outputs))


def outputs(
    network: "Sequential", images: Array, batch_size: int | None = None, *, threads: int | None = None
) -> Array:
    """What the network, in evaluation mode, says of every image: ``(outputs, N)`` on its backend.

    images: uint8 (N, H, W) as in a Dataset, or real (C, H, W, N) as ``forward`` takes them; batch_size: how many go
    through the layers at once (by default many images go through compiled loops instead, in threads, with the same
    result but for rounding), or all where a layer must see its whole batch; threads: how many, by default all cores.

    Raises ValueError for images of another shape, none, or one with a pixel that is not finite.
    """
    batch_size = None if batch_size is None else positive("batch_size", batch_size)
    images = np.asarray(images) if isinstance(images, (list, tuple)) else images
    if not hasattr(images, "ndim") or isinstance(images, MASKED):
        raise TypeError(f"images must be an array, got {type(images).__name__}")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(f"images must have shape (N, H, W) or (C, H, W, N), got {tuple(images.shape)}")
    xp = network.backend.xp
    if images.dtype.kind not in "fu":
        raise TypeError(f"images must be uint8 or real numbers, got {images.dtype}")
    if images.dtype.kind == "f" and not bool(xp.isfinite(network.backend.asarray(images)).all()):
        raise ValueError("images must be finite, got NaN or an infinite pixel")
    with evaluating(network):
        if batch_size is None and images.ndim == 3:
            said = prediction.outputs(network, images, threads)
            if said is not None:
                return said
        return _layer_by_layer(network, images, batch_size or BATCH_SIZE)


def _layer_by_layer(network: "Sequential", images: Array, batch_size: int) -> Array:
    count = len(images) if images.ndim == 3 else images.shape[-1]
    if any(layer.whole_batch for _, layer in network.walk()):
        batch_size = count
    batches = []
    for start in range(0, count, batch_size):
        part = slice(start, start + batch_size)
        x = network.input(images[part] if images.ndim == 3 else images[..., part])
        batches.append(network.forward(x))
    return network.backend.xp.concatenate(batches, axis=-1)


def input(network: "Sequential", images: Array) -> Array:
    """Images as ``forward`` takes them: uint8 (N, H, W) are preprocessed, all are moved to the backend.

    Raises TypeError for images (N, H, W) where the network has no preprocess=.
    """
    if images.ndim != 3:
        return network.backend.asarray(images)
    if network.preprocess is None:
        raise TypeError("images (N, H, W) need a network with preprocess=; give real (C, H, W, N) instead")
    return network.backend.asarray(network.preprocess(images, dtype=network.dtype))
