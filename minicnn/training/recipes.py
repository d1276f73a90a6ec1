"""Whole ways of training LeNet-5, by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from minicnn import initialisers, losses
from minicnn.data import Distortion
from minicnn.layers import Parameter
from minicnn.optim import SGD, Optimizer, StochasticDiagonalLM
from minicnn.optim.schedules import Cosine, StepTable

PAPER_SCHEDULE = ((0.0005, 2), (0.0002, 3), (0.0001, 3), (0.00005, 4), (0.00001, 8))
"""The paper's learning rates, each for so many of its 20 passes (LeCun et al. 1998, section III.B)."""

LOSSES: dict[str, Callable[[float], losses.RBFLoss | losses.MAPLoss]] = {
    "rbf": lambda j: losses.RBFLoss(),
    "map": lambda j: losses.MAPLoss(j),
    "softmax": lambda j: losses.MAPLoss(),
}
"""rbf: equation 8 of the paper; map: equation 9; softmax: equation 9 with j infinite."""

INITIALISERS = {
    "lecun1998": {"init": initialisers.lecun1998},
    "fan-in": {"init": initialisers.uniform_fan_in},
    "fan-in-half": {"init": initialisers.uniform_fan_in, "subsampling_init": initialisers.inverse_root_fan_in},
    "unit-variance": {"init": initialisers.unit_variance, "subsampling_init": initialisers.inverse_root_fan_in},
}
"""Arguments of ``mc.models.lenet5``. lecun1998: uniform in ±2.4 / fan-in, as published; fan-in: uniform in
±1 / sqrt(fan-in); fan-in-half: the same, but subsampling coefficients at 1/2 and their biases at 0; unit-variance: as
fan-in-half, but weights with the standard deviation 1 / sqrt(fan-in)."""


@dataclass(frozen=True)
class Recipe:
    """What LeNet-5 is trained with. lr is the first learning rate: the schedule, a cosine down to 0 or the paper's
    table, keeps its shape and is scaled to it; "held" is that table without its last line, for an ``AveragedNetwork``
    to take out what noise a rate that stays leaves in the weights. j is for the map loss, mu and memory for the
    second-order optimizer, init and dropout for the network, distortion for whoever trains on distorted digits.

    Raises ValueError for a loss, optimizer, schedule or init of another name.
    """

    about: str
    loss: str = "rbf"
    j: float = 2.0
    optimizer: str = "sgd"
    lr: float = 0.002
    mu: float = 0.02
    memory: float = 0.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "cosine"
    batch_size: int = 64
    epochs: int = 20
    init: str = "lecun1998"
    dropout: float = 0.0
    distortion: Distortion = field(default_factory=Distortion)

    def __post_init__(self) -> None:
        known: dict[str, Any] = {"loss": LOSSES, "init": INITIALISERS, "optimizer": ("sgd", "sdlm"),
                                 "schedule": ("cosine", "paper", "held")}  # fmt: skip
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise ValueError(f"{name} must be one of {', '.join(names)}, got {getattr(self, name)!r}")

    def settings(self) -> dict[str, Any]:
        """Everything but the words and the distortion, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("about", "distortion")}

    def network(self) -> dict[str, Any]:
        """How ``mc.models.lenet5`` begins and what it leaves out, its arguments by name."""
        return {**INITIALISERS[self.init], "dropout": self.dropout}

    def make_loss(self) -> losses.RBFLoss | losses.MAPLoss:
        """The criterion, one of ``minicnn.losses``."""
        return LOSSES[self.loss](self.j)

    def make_optimizer(self, parameters: list[Parameter]) -> Optimizer:
        """The optimizer of these parameters; make it after ``net.to(...)``."""
        how: dict[str, Any] = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        if self.optimizer == "sgd":
            return SGD(parameters, self.lr, **how)
        return StochasticDiagonalLM(parameters, self.lr, mu=self.mu, memory=self.memory, **how)

    def make_schedule(self) -> Cosine | StepTable:
        """``schedule(epoch) -> lr``."""
        if self.schedule == "cosine":
            return Cosine(self.lr, self.epochs)
        table = PAPER_SCHEDULE[:-1] if self.schedule == "held" else PAPER_SCHEDULE
        return StepTable(tuple((self.lr * eta / table[0][0], passes) for eta, passes in table))


MINI_BATCHES: dict[str, Any] = {"loss": "map", "j": 10.0, "lr": 0.0015, "momentum": 0.9, "init": "fan-in"}
"""What default, long and dropout share."""

AS_PUBLISHED: dict[str, Any] = {"optimizer": "sdlm", "lr": PAPER_SCHEDULE[0][0], "schedule": "paper", "batch_size": 1}
"""What paper and paper-literal share (LeCun et al. 1998, section III.B and appendix C)."""

RECIPES = {
    "default": Recipe("mini-batches and momentum, a learning rate that falls to 0", **MINI_BATCHES, weight_decay=0.01),
    "long": Recipe("as default, four times as long, for distortions: elastic ones, too, and less weight decay",
                   **MINI_BATCHES, weight_decay=0.003, epochs=80, distortion=Distortion(elastic=17.0)),
    "dropout": Recipe("as default, four times as long, without distortions: dropout, and less weight decay",
                      **MINI_BATCHES, weight_decay=0.003, epochs=80, dropout=0.15),
    "paper": Recipe(
        "as published, and it trains: stochastic diagonal Levenberg-Marquardt, one pattern at a time",
        **AS_PUBLISHED, init="unit-variance", memory=0.5, loss="map", j=10.0,
    ),
    "paper-literal": Recipe("as published, to the letter: it does not train", **AS_PUBLISHED),
}  # fmt: skip
