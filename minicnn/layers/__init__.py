"""The layers: each a formula, its forward and its backward, side by side."""

from minicnn.layers.activations import LeakyReLU, ReLU, ScaledTanh, Sigmoid, Tanh
from minicnn.layers.base import Layer
from minicnn.layers.branches import Parallel, Residual
from minicnn.layers.conv import Conv2d
from minicnn.layers.dropout import Dropout
from minicnn.layers.flatten import Flatten
from minicnn.layers.linear import Linear
from minicnn.layers.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm
from minicnn.layers.parameter import Parameter, ParameterVector
from minicnn.layers.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minicnn.layers.rbf import RBF
from minicnn.layers.sequential import Sequential
from minicnn.layers.subsampling import Subsampling

__all__ = [
    "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "Dropout", "Flatten", "GlobalAvgPool2d", "Layer",
    "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d", "Parallel", "Parameter", "ParameterVector", "RBF", "ReLU",
    "Residual", "ScaledTanh", "Sequential", "Sigmoid", "Subsampling", "Tanh",
]  # fmt: skip
