"""What mistake does a wrong gradient look like? The evidence, and the patterns that are looked for in it."""

from minicnn.gradcheck.hints.evidence import gather
from minicnn.gradcheck.hints.guessing import guess

__all__ = ["gather", "guess"]
