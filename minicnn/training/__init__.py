"""Training: the loop, evaluation, checkpoints and history."""

from minicnn.training.checkpoint import load_checkpoint, read_facts, save_checkpoint
from minicnn.training.evaluate import Evaluation, evaluate
from minicnn.training.history import History
from minicnn.training.loop import fit
from minicnn.training.workers import default_workers

__all__ = [
    "Evaluation", "History", "default_workers", "evaluate", "fit", "load_checkpoint", "read_facts",
    "save_checkpoint",
]  # fmt: skip
