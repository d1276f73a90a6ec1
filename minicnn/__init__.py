"""minicnn: a convolutional network engine written from scratch on NumPy and CuPy."""

from minicnn import starting

if starting.is_command():
    starting.quiet()

from minicnn import (
    backend,
    compiled,
    data,
    errors,
    initialisers,
    inspect,
    interop,
    losses,
    models,
    optim,
    ranks,
    training,
)
from minicnn.gradcheck import gradcheck
from minicnn.layers import (
    RBF,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Parallel,
    Parameter,
    ReLU,
    Residual,
    ScaledTanh,
    Sigmoid,
    Subsampling,
    Tanh,
)
from minicnn.network import Ensemble, Sequential

__version__ = "0.5.0"

__all__ = [
    "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "Dropout", "Ensemble", "Flatten", "GlobalAvgPool2d", "Layer",
    "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d", "Parallel", "Parameter", "RBF", "ReLU", "Residual",
    "ScaledTanh", "Sequential", "Sigmoid", "Subsampling", "Tanh", "backend", "compiled", "data", "errors",
    "gradcheck", "initialisers", "inspect", "interop", "losses", "models", "optim", "ranks", "training",
]  # fmt: skip
