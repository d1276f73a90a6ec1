"""What the page needs from Python: the weights, and digits to read and to train on."""

import gzip

import numpy as np

from minicnn.data import load_sample
from minicnn.data.classes import DIGITS, listed
from minicnn.errors import CheckpointError
from minicnn.models import classes_of, lenet5, pretrained
from minicnn.models.lenet5 import PUBLISHED, TABLE_I
from minicnn.page.arrays import pack
from minicnn.serialization import load_npz

TRAINING, TESTING = 50, 10
"""Digits of each class that the page brings, of the sample's two parts: to train on, and to hold out."""


def weights(path=None):
    """The page's file of weights: those that come with the package, or of a network or checkpoint at ``path``.

    All 60,000 parameters in the order of the network's ParameterVector, then the prototypes; Table I, the input's
    values and where the network comes from as facts. Raises CheckpointError for a file that is no LeNet-5's, or one of
    other classes than the digits.
    """
    if path is not None and (classes := classes_of(path) or DIGITS) != DIGITS:
        raise CheckpointError(f"{path} tells {len(classes)} classes apart ({listed(classes)}); the page is made for "
                              "the ten digits, and takes a network of theirs only")  # fmt: skip
    net = lenet5(pretrained=True) if path is None else lenet5().load(path)
    if not np.isfinite(net.vector.values).all():
        raise CheckpointError(f"{path} holds weights that are not finite: its training went astray")
    pixels = net.preprocess
    facts = {
        "tableI": TABLE_I, "counts": PUBLISHED, "origin": _origin(path),
        "pixels": {"background": pixels.background, "ink": pixels.ink, "size": pixels.size},
    }  # fmt: skip
    return pack(facts, {"parameters": net.vector.values, "prototypes": net["output"].prototypes})


def digits():
    """Digits of the bundled sample, gzipped: the first TRAINING and TESTING of each class of its two parts."""
    arrays, counts = {}, {}
    for name, part, each in zip(("training", "testing"), load_sample(), (TRAINING, TESTING)):
        places = np.stack([np.flatnonzero(part.labels == digit)[:each] for digit in range(10)])
        order = places.T.ravel()  # 0 to 9, and again: any stretch of them is balanced
        arrays |= {f"{name}_images": part.images[order], f"{name}_labels": part.labels[order]}
        counts[name] = len(order)
    return gzip.compress(pack({"counts": counts}, arrays), mtime=0)


def _origin(path):
    """A sentence about the network, for the page."""
    if path is None:
        facts = pretrained.weights("lenet5")[1]
        confusion = np.array(facts["measured"]["confusion"])
        wrong, count = int(confusion.sum() - np.trace(confusion)), int(confusion.sum())
        return f"Trained on {facts['made']['trained_on']}: {wrong} of {count:,} test digits misread."
    progress = load_npz(path)[1].get("progress", {})
    if "epoch" not in progress:
        return "A network of your own."
    passes = "1 pass" if progress["epoch"] == 1 else f"{progress['epoch']} passes"
    return f"A network of your own after {passes}."
