"""The LeNet that PyTorch tutorials build: max pooling, softmax outputs, no squashing between layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.backend import Backend
from minicnn.data.classes import DIGITS, class_names
from minicnn.data.transforms import UNIT
from minicnn.layers import Conv2d, Flatten, Linear, MaxPool2d
from minicnn.network import Sequential
from minicnn.typing import DType, Seed

INPUT_SHAPE = (1, 28, 28)


def lenet_modern(classes: int | Sequence[str] = DIGITS, *, rng: Seed = None, dtype: DType = "float32",
                 backend: str | Backend = "numpy") -> Sequential:  # fmt: skip
    """28x28 images (1, 28, 28, N), pixels in [0, 1], to a logit for each class (classes, N), for CrossEntropyLoss.

    conv 3x3 padding 1 -> 6, max pool 2, conv 5x5 -> 16, max pool 2, linear 400-120-84-classes, and **no**
    activation between them, as in the script that circulates with the LeNet-5 article. Initial weights are
    uniform in ±1 / sqrt(fan-in), PyTorch's default.

    classes: their names or their number, by default the ten digits; they are kept as ``net.classes``.
    """
    classes = class_names(classes)
    how: dict[str, Any] = {"rng": np.random.default_rng(rng), "dtype": dtype}
    net = Sequential({
        "conv1": Conv2d(1, 6, 3, padding=1, **how), "pool1": MaxPool2d(2),
        "conv2": Conv2d(6, 16, 5, **how), "pool2": MaxPool2d(2), "flatten": Flatten(),
        "linear1": Linear(400, 120, **how), "linear2": Linear(120, 84, **how),
        "linear3": Linear(84, len(classes), **how),
    }, preprocess=UNIT, classes=classes)  # fmt: skip
    return net.to(backend)
