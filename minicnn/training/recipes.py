"""Whole ways of training LeNet-5, by name."""

from dataclasses import dataclass, fields

from minicnn import initialisers, losses
from minicnn.optim import SGD, StochasticDiagonalLM
from minicnn.optim.schedules import Cosine, StepTable

PAPER_SCHEDULE = ((0.0005, 2), (0.0002, 3), (0.0001, 3), (0.00005, 4), (0.00001, 8))
"""The paper's learning rates, each for so many of its 20 passes (LeCun et al. 1998, section III.B)."""

LOSSES = {
    "rbf": lambda j: losses.RBFLoss(),
    "map": lambda j: losses.MAPLoss(j),
    "softmax": lambda j: losses.MAPLoss(),
}
"""rbf: equation 8 of the paper; map: equation 9; softmax: equation 9 with j infinite."""

INITIALISERS = {"lecun1998": initialisers.lecun1998, "fan-in": initialisers.uniform_fan_in}
"""lecun1998: uniform in ±2.4 / fan-in, as published; fan-in: uniform in ±1 / sqrt(fan-in)."""


@dataclass(frozen=True)
class Recipe:
    """What LeNet-5 is trained with. lr is the first learning rate: the schedule, a cosine down to 0 or the paper's
    table, keeps its shape and is scaled to it. j is for the map loss, mu for the second-order optimizer.

    Raises ValueError for a loss, optimizer, schedule or init of another name.
    """

    about: str
    loss: str = "rbf"
    j: float = 2.0
    optimizer: str = "sgd"
    lr: float = 0.002
    mu: float = 0.02
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "cosine"
    batch_size: int = 64
    epochs: int = 20
    init: str = "lecun1998"

    def __post_init__(self):
        known = {"loss": LOSSES, "init": INITIALISERS, "optimizer": ("sgd", "sdlm"), "schedule": ("cosine", "paper")}
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise ValueError(f"{name} must be one of {', '.join(names)}, got {getattr(self, name)!r}")

    def settings(self):
        """Everything but the words, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "about"}

    def initialiser(self):
        return INITIALISERS[self.init]

    def make_loss(self):
        return LOSSES[self.loss](self.j)

    def make_optimizer(self, parameters):
        how = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        if self.optimizer == "sgd":
            return SGD(parameters, self.lr, **how)
        return StochasticDiagonalLM(parameters, self.lr, mu=self.mu, **how)

    def make_schedule(self):
        if self.schedule == "cosine":
            return Cosine(self.lr, self.epochs)
        first = PAPER_SCHEDULE[0][0]
        return StepTable(tuple((self.lr * eta / first, passes) for eta, passes in PAPER_SCHEDULE))


MINI_BATCHES = {"loss": "map", "j": 10.0, "lr": 0.0015, "momentum": 0.9, "weight_decay": 0.01, "init": "fan-in"}
"""What default and long share."""

RECIPES = {
    "default": Recipe("mini-batches and momentum, a learning rate that falls to 0", **MINI_BATCHES),
    "long": Recipe("as default, three times as long: for distortions", **MINI_BATCHES, epochs=60),
    "paper": Recipe(
        "as published: stochastic diagonal Levenberg-Marquardt, one pattern at a time",
        optimizer="sdlm", lr=PAPER_SCHEDULE[0][0], schedule="paper", batch_size=1,
    ),
    "paper-steady": Recipe(
        "the paper's method with a fifth of its learning rates and initial weights in ±1 / sqrt(fan-in)",
        optimizer="sdlm", lr=PAPER_SCHEDULE[0][0] / 5, schedule="paper", batch_size=1, init="fan-in",
    ),
}  # fmt: skip
