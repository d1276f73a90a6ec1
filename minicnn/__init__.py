"""minicnn: a convolutional network engine written from scratch on NumPy and CuPy."""

from minicnn import backend, compiled, data, errors, initialisers, inspect, losses, models, optim, training
from minicnn.gradcheck import gradcheck
from minicnn.layers import (
    RBF,
    AvgPool2d,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    ScaledTanh,
    Sigmoid,
    Subsampling,
    Tanh,
)
from minicnn.network import Ensemble, Sequential

__version__ = "0.2.0"

__all__ = [
    "AvgPool2d", "Conv2d", "Ensemble", "Flatten", "Layer", "Linear", "MaxPool2d", "Parameter", "RBF", "ReLU",
    "ScaledTanh", "Sequential", "Sigmoid", "Subsampling", "Tanh", "backend", "compiled", "data", "errors", "gradcheck",
    "initialisers", "inspect", "losses", "models", "optim", "training",
]  # fmt: skip
