"""A whole network: layers one after the other that predict, describe themselves, and live on disk."""

from minicnn.network.ensemble import Ensemble
from minicnn.network.network import Sequential

__all__ = ["Ensemble", "Sequential"]
