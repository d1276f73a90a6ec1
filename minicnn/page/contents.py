"""What the page needs from Python: the weights, what their classes are called, and images to read and to train on."""

import gzip
from importlib import resources

import numpy as np

from minicnn.data import load, load_sample
from minicnn.data.catalogue import SETS
from minicnn.data.classes import DIGITS, listed
from minicnn.errors import CheckpointError, DataFileError
from minicnn.models import classes_of, lenet5, pretrained
from minicnn.models.lenet5 import INPUT_SHAPE, TABLE_I
from minicnn.models.prototypes import characters
from minicnn.page.arrays import pack
from minicnn.serialization import load_npz

TRAINING, TESTING = 50, 10
"""Images of each class that the page brings, of a data set's two parts: to train on, and to hold out."""

MOST_MISREAD = 100
"""Images in the gallery of those that the network misreads."""


def contents(path=None, data=None):
    """{name: bytes} of the files that the page reads: weights.bin, and samples.bin and misread.bin where it has images.

    path: a file with LeNet-5's weights, by default those of the package; data: a data set with the classes of that
    network, as ``data.load`` takes it. Without data the ten digits have the bundled sample and those of MNIST's test
    digits that the network of the package misreads; other classes have no images.

    Raises CheckpointError for a file that is no LeNet-5's, DataFileError for data that does not go with it.
    """
    net = network(path)
    if data is not None:
        parts = load(data)
        check(parts, net)
        gallery = misread(net, parts[1], MOST_MISREAD)
    elif net.classes == DIGITS:
        parts = load_sample()
        gallery = (resources.files("minicnn.page") / "static" / "misread.bin").read_bytes()
    else:
        return {"weights.bin": weights(net, origin(path))}
    title = "MNIST" if parts[0].is_sample else parts[0].name
    authors = {each.title: each.authors for each in SETS.values()}.get(title)
    about = {"title": title, "authors": authors, "perClass": per_class(parts), "misread": gallery is not None}
    files = {"weights.bin": weights(net, origin(path), about), "samples.bin": samples(parts)}
    return files if gallery is None else {**files, "misread.bin": gallery}


def network(path=None):
    """LeNet-5 with the weights of the package, or of a network or checkpoint at ``path``."""
    net = lenet5(pretrained=True) if path is None else lenet5(classes_of(path) or DIGITS).load(path)
    if not np.isfinite(net.vector.values).all():
        raise CheckpointError(f"{path} holds weights that are not finite: its training went astray")
    return net


def weights(net, origin, samples=None):
    """The file of weights: all 60,000 parameters in the order of the network's ParameterVector, then the prototypes.

    Facts: Table I, counts, the input's values, where the network comes from; its classes, what they are in a word, and
    whether their prototypes are drawings; and about the images that come along, None without any.
    """
    pixels = net.preprocess
    counts = {line["name"]: (line["parameters"], line["connections"]) for line in net.counts(INPUT_SHAPE)}
    facts = {
        "tableI": TABLE_I, "counts": counts, "origin": origin,
        "pixels": {"background": pixels.background, "ink": pixels.ink, "size": pixels.size},
        "classes": net.classes, "noun": noun(net.classes), "drawn": set(net.classes) <= set(characters()),
        "samples": samples,
    }  # fmt: skip
    return pack(facts, {"parameters": net.vector.values, "prototypes": net["output"].prototypes})


def noun(classes):
    """What a network of these classes reads, in a word: "digit", "letter", "character" or "picture".

    >>> noun("0123456789"), noun("ABC"), noun("A1"), noun(["shirt", "bag"])
    ('digit', 'letter', 'character', 'picture')
    """
    text = "".join(classes)
    if len(text) > len(classes):
        return "picture"
    if not text.isascii():
        return "character"
    return "digit" if text.isdigit() else "letter" if text.isalpha() else "character"


def check(parts, net):
    """DataFileError unless both Datasets show the network's classes, each of them, in 28x28 pixels."""
    for part in parts:
        if part.classes != net.classes:
            raise DataFileError(f"{part.name} shows {len(part.classes)} classes ({listed(part.classes)}), but the "
                                f"network tells {len(net.classes)} apart ({listed(net.classes)})")  # fmt: skip
        if part.images.shape[1:] != (28, 28):
            raise DataFileError(f"{part.name} has images of {part.images.shape[1]}x{part.images.shape[2]} pixels; the "
                                "page draws 28x28")  # fmt: skip
        if absent := [name for label, name in enumerate(part.classes) if label not in part.labels]:
            raise DataFileError(f"{part.name} has no image of {listed(absent)}")


def per_class(parts):
    """How many of each class the page brings, of the two parts: fewer where a class has no more."""
    return [min(each, int(np.bincount(part.labels).min())) for part, each in zip(parts, (TRAINING, TESTING))]


def samples(parts):
    """The file of images, gzipped: the first of each class of the two parts."""
    arrays = {}
    for name, part, each in zip(("training", "testing"), parts, per_class(parts)):
        places = np.stack([np.flatnonzero(part.labels == label)[:each] for label in range(len(part.classes))])
        order = places.T.ravel()  # each class once, and again: any stretch of them is balanced
        arrays |= {f"{name}_images": part.images[order], f"{name}_labels": part.labels[order]}
    return gzip.compress(pack({}, arrays), mtime=0)


def misread(net, test, most):
    """The gallery, gzipped: ``most`` of the images that the network misreads, by class; None if there are none."""
    wrong = np.flatnonzero(net.predict(test.images) != test.labels)
    if not len(wrong):
        return None
    wrong = wrong[np.argsort(test.labels[wrong], kind="stable")]
    kept = wrong[np.linspace(0, len(wrong) - 1, min(most, len(wrong))).round().astype(int)]  # of each class its share
    arrays = {"images": test.images[kept], "labels": test.labels[kept]}
    return gzip.compress(pack({"of": len(test), "wrong": len(wrong)}, arrays), mtime=0)


def origin(path):
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
