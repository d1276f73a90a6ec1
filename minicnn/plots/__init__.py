"""Pictures of training and of what a network sees, made for projection; they need matplotlib.

Every function writes one picture, whole or not at all, and returns its path. The suffix of the path says the
format: .png, .pdf, .svg. No display is needed and pyplot's global state is left alone. ``classes`` are the names that
stand for the labels 0, 1, 2, ..., by default these numbers; ``what`` says in a title what kind of images they are.
"""

from minicnn.plots.answers import misclassified, prototype
from minicnn.plots.confusion import confusion_matrix
from minicnn.plots.curves import learning_curves
from minicnn.plots.distorted import distortions
from minicnn.plots.features import feature_maps
from minicnn.plots.kernels import filters

__all__ = [
    "confusion_matrix", "distortions", "feature_maps", "filters", "learning_curves", "misclassified", "prototype",
]  # fmt: skip
