"""How strongly the loss bends along each parameter: h for ``minicnn.optim.StochasticDiagonalLM``."""

from typing import Any

from minicnn import losses
from minicnn.layers.parts import evaluating
from minicnn.network import Sequential
from minicnn.typing import Array

PART = 100
"""How many samples go through the layers at once: im2col's columns of more would take much memory."""


def curvature(network: Sequential, loss: Any, images: Array, labels: Array) -> Array:
    """h, the Gauss-Newton diagonal d²E/dw_k² of the samples' loss, in the order of the parameter vector.

    Takes the samples forwards, then their gradients backwards (what the outputs bend needs them), then their
    second derivatives backwards (LeCun et al. 1998, appendix C), in evaluation mode: no unit is dropped.

    images: uint8 (N, H, W); labels: (N,).
    """
    h: Any = 0
    count = len(labels)
    losses.on(loss, network.backend)
    with evaluating(network):
        size = count if any(layer.whole_batch for _, layer in network.walk()) else PART
        for start in range(0, count, size):
            part = slice(start, start + size)
            loss.forward(network.forward(network.input(images[part])), labels[part])
            network.backward(loss.backward())
            network.second_backward(loss.second_backward())
            share = len(labels[part]) / count if losses.reduction(loss) == "mean" else 1  # of the mean over all samples
            h = h + share * network.backend.xp.concatenate([p.curvature.reshape(-1) for p in network.parameters()])
    return h
