"""Optimizers, and learning-rate schedules in ``minicnn.optim.schedules``."""

from minicnn.optim import schedules
from minicnn.optim.adam import Adam, AdamW
from minicnn.optim.optimizer import Optimizer
from minicnn.optim.sdlm import StochasticDiagonalLM
from minicnn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "StochasticDiagonalLM", "schedules"]
