"""Training: the loop, evaluation, checkpoints and history."""

from minicnn.training.averaging import AveragedNetwork
from minicnn.training.checkpoint import load_checkpoint, read_facts, save_checkpoint
from minicnn.training.curvature import curvature
from minicnn.training.evaluate import Evaluation, Evaluator, evaluate
from minicnn.training.history import History
from minicnn.training.loop import fit
from minicnn.training.recipes import RECIPES, Recipe

__all__ = [
    "AveragedNetwork", "Evaluation", "Evaluator", "History", "RECIPES", "Recipe", "curvature", "evaluate", "fit",
    "load_checkpoint", "read_facts", "save_checkpoint",
]  # fmt: skip
