"""One step, forward and backward, with everything kept."""

import copy
from typing import Any

import numpy as np

from minicnn import losses
from minicnn.inspect import subject
from minicnn.inspect.saturation import saturated_share
from minicnn.inspect.step import LayerTrace, Trace
from minicnn.layers import RBF
from minicnn.network import Sequential
from minicnn.typing import Array, ArrayLike


def trace(net: Sequential, x: Array, label: ArrayLike, loss: Any = None) -> Trace:
    """Run one step of ``net`` and keep what every layer took and gave, forward and backward -> Trace.

    x: a uint8 image (H, W), several (N, H, W), or real (C, H, W, N) as ``net.forward`` takes it.
    label: the right class, or one for each sample.
    loss: one of minicnn.losses that takes labels; by default equation 8 of the paper where the last layer is an RBF
    layer, else cross-entropy.

    A copy of ``net`` is traced, where ``net`` is, in evaluation mode; nothing about ``net`` changes, its gradients
    included. Layers of a Sequential within ``net`` are listed one by one. Raises TypeError or ValueError for arguments
    that make no sense.
    """
    probe = subject.private_copy(net)
    backend, layers = probe.backend, subject.leaves(probe)
    x = subject.images(probe, x)
    labels = subject.labels(label, x.shape[-1])
    if loss is None:
        loss = losses.RBFLoss() if isinstance(layers[-1][1], RBF) else losses.CrossEntropyLoss()
    loss = copy.copy(loss).to(backend)

    def host(a: Array) -> Array:
        return np.array(backend.to_numpy(a))

    steps: list[dict[str, Any]] = []
    signals = [x]
    for name, layer in layers:
        y = layer.forward(signals[-1])
        steps.append({"name": name, "text": layer.describe(), "input": host(signals[-1]), "output": host(y)})
        signals.append(y)
    outputs = signals[-1]
    value = loss.forward(outputs, backend.asarray(labels))

    dy = loss.backward()
    for step, (_, layer) in zip(reversed(steps), reversed(layers)):
        dx = layer.backward(dy)
        parameters = layer.parameters()
        step |= {"output_gradient": host(dy), "input_gradient": host(dx)}
        step |= {"values": {p.name: host(p.value) for p in parameters}}
        step |= {"gradients": {p.name: host(p.grad) for p in parameters}}
        dy = dx

    larger_wins = subject.larger_wins(probe)
    score = np.zeros(outputs.shape, outputs.dtype)  # d score / d outputs: the score is that of the right class
    score[labels, np.arange(len(labels))] = 1 if larger_wins else -1
    d = backend.asarray(score)
    for _, layer in reversed(layers):
        d = layer.backward(d)

    for step, signal, (_, layer) in zip(steps, signals, layers):
        if layer.activation and signal.shape == step["output"].shape:  # elementwise, not Flatten
            step["saturated"] = saturated_share(layer, signal)
        if hasattr(layer, "dense_weight"):
            step |= {"kernels": host(layer.dense_weight()), "connections": layer.table}
    predictions = host(probe.decide(outputs))
    return Trace(tuple(LayerTrace(**step) for step in steps), float(value), labels, predictions, larger_wins, host(d))
