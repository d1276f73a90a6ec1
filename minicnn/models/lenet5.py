"""LeNet-5 as published: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
recognition", Proc. IEEE 86(11), 1998, section II.B."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.backend import Backend
from minicnn.data.classes import DIGITS, class_names, listed
from minicnn.data.transforms import LENET5_1998
from minicnn.initialisers import Initialiser, lecun1998, zeros
from minicnn.layers import RBF, Conv2d, Dropout, Flatten, Linear, ScaledTanh, Subsampling
from minicnn.models import pretrained as shipped
from minicnn.models.prototypes import prototypes
from minicnn.network import Sequential
from minicnn.typing import DType, Seed

TABLE_I = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""The S2 maps that each of C3's 16 maps reads."""

INPUT_SHAPE = (1, 32, 32)

PUBLISHED = {  # layer: (trainable parameters, connections), as the paper states them
    "C1": (156, 122_304),
    "S2": (12, 5_880),
    "C3": (1_516, 151_600),
    "S4": (32, 2_000),
    "C5": (48_120, 48_120),
    "F6": (10_164, 10_164),
    "output": (0, 840),
}


def lenet5(classes: int | Sequence[str] = DIGITS, *, pretrained: bool = False, init: Initialiser = lecun1998,
           subsampling_init: Initialiser | None = None, dropout: float = 0.0, rng: Seed = None,
           dtype: DType = "float32", backend: str | Backend = "numpy") -> Sequential:  # fmt: skip
    """LeNet-5: 32x32 images (1, 32, 32, N) to the squared distances (classes, N) from a prototype of each class.

    60,000 trainable parameters, every count of the paper's section II.B checked here. ``predict`` takes images as MNIST
    has them, (N, 28, 28) uint8, and centres them in 32x32.

    classes: their names (a text of characters will do) or their number, by default the ten digits; they are kept as
    ``net.classes``. The prototypes are drawings of the characters, or codes if not all names are characters
    (``minicnn.models.prototypes``).
    rng: a seed or a numpy Generator for the initial weights; init: their distribution, from
    ``minicnn.initialisers``. The published one, uniform in ±2.4 / fan-in, is the default. subsampling_init: that of
    S2's and S4's coefficients, whose biases then start at 0; by default both start as everything else.
    dropout: the share of S2's and of S4's outputs that is left out at random while training (``Dropout``), as published
    none. A trained network has the same parameters and says the same with it and without.
    pretrained: True brings the trained weights of the package instead; ``models/pretrained/lenet5.md`` is their
    card. Raises TypeError unless it is a truth value, ValueError if rng or other classes than the digits are given with
    it, or for a dropout outside [0, 1); and what ``data.classes.class_names`` and ``prototypes.codes`` raise.
    """
    if not isinstance(pretrained, (bool, np.bool_)):
        raise TypeError(f"pretrained must be True or False, got {pretrained!r}; net.load(path) reads other weights")
    if pretrained and rng is not None:
        raise ValueError(f"rng must be left out with pretrained=True, which needs no initial weights; got {rng!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
    classes = class_names(classes)
    if pretrained and classes != DIGITS:
        raise ValueError(f"classes must be left out with pretrained=True, whose weights know the ten digits; got "
                         f"{len(classes)} classes, {listed(classes)}")  # fmt: skip
    rng = np.random.default_rng(rng)
    how: dict[str, Any] = {"init": init, "rng": rng, "dtype": dtype}
    pooling = how if subsampling_init is None else {**how, "init": subsampling_init, "bias_init": zeros}

    def left_out(name: str) -> dict[str, Dropout]:
        return {f"{name} dropout": Dropout(dropout, rng=rng)} if dropout else {}

    net = Sequential({
        "C1": Conv2d(1, 6, 5, **how), "C1 squash": ScaledTanh(),
        "S2": Subsampling(6, **pooling), "S2 squash": ScaledTanh(), **left_out("S2"),
        "C3": Conv2d(6, 16, 5, connections=TABLE_I, **how), "C3 squash": ScaledTanh(),
        "S4": Subsampling(16, **pooling), "S4 squash": ScaledTanh(), **left_out("S4"),
        "C5": Conv2d(16, 120, 5, **how), "C5 squash": ScaledTanh(), "flatten": Flatten(),
        "F6": Linear(120, 84, **how), "F6 squash": ScaledTanh(),
        "output": RBF(prototypes(classes), dtype=dtype),
    }, preprocess=LENET5_1998, classes=classes)  # fmt: skip

    lines = [line for line in net.counts(INPUT_SHAPE) if line["connections"]]  # dropout has none
    counted = {line["name"]: (line["parameters"], line["connections"]) for line in lines}
    published = {**PUBLISHED, "output": (0, len(classes) * PUBLISHED["output"][1] // len(DIGITS))}
    assert counted == published, f"not the published LeNet-5: {counted}"
    assert net.vector.values.size == 60_000
    if pretrained:
        net.load_state_dict(shipped.weights("lenet5")[0])
    return net.to(backend)
