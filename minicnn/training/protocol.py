"""What training asks of a loss, an optimizer and data, looked at before it begins.

    loss        forward(outputs, labels) -> float        outputs (classes, N) or whatever the network makes, labels (N,)
                backward() -> dL/doutputs                an array of the outputs' shape and dtype
                reduction                                "mean" or "sum" over the batch; "mean" where it is missing
                to(backend)                              where it computes; only if it must know
                second_backward()                        for optimizers that need curvature

    optimizer   step()                                   one update of the parameters from their gradients
                lr                                       the learning rate, set before each step
                state_dict, load_state_dict              to be kept in checkpoints; ``optim.Optimizer`` has them
                report()                                 a mapping for each epoch's record; only if it has one
"""

import copy
import json
import numbers
import warnings
from collections.abc import Mapping

from minicnn import losses, optim
from minicnn.layers import RBF
from minicnn.layers.parts import evaluating
from minicnn.network import Sequential

TRIAL = 2
"""Samples that a loss of the user's own is tried on."""


def check_arguments(network, loss, optimizer, train, test, config, saved):
    """What ``fit`` gets and others may have written: each as below."""
    check_network(network)
    check_config(config)
    for name, dataset in [("train", train)] + [("test", test)] * (test is not None):
        check_dataset(name, dataset)
        check_labels(name, dataset, network)
    check_optimizer(optimizer, network, saved)
    check_loss(loss, network, train)


def check_network(network):
    """TypeError unless ``network`` is a Sequential, which alone has a vector of parameters and predicts."""
    if not isinstance(network, Sequential):
        raise TypeError(f"network must be a minicnn.Sequential, got {type(network).__name__}")


def check_dataset(name, dataset):
    """TypeError or ValueError unless ``dataset`` has images and as many labels, at least one."""
    images, labels = getattr(dataset, "images", None), getattr(dataset, "labels", None)
    if not (hasattr(images, "shape") and hasattr(labels, "shape")):
        raise TypeError(f"{name} must be a Dataset, with arrays of images and labels, got {type(dataset).__name__}")
    if not len(labels):
        raise ValueError(f"{name} is empty: there is nothing to {'learn from' if name == 'train' else 'evaluate'}")
    if tuple(labels.shape) != tuple(images.shape[:1]):
        raise ValueError(f"{name}: labels must have shape ({len(images)},) to go with images, got {labels.shape}")


def check_labels(name, dataset, network):
    """ValueError for labels that a network whose classes are known has no class for."""
    classes, highest = getattr(network, "classes", None), int(dataset.labels.max())
    if classes is not None and highest >= len(classes):
        lowest, of = int(dataset.labels.min()), getattr(dataset, "name", name)
        what = f"make it with classes={name}.classes, or with their number, as in lenet5(classes={highest + 1})"
        if (lowest, highest) == (1, len(classes)):
            what = "labels that begin at 1 must be made to begin at 0: labels - 1"
        raise ValueError(f"{name}: labels must lie in 0..{len(classes) - 1}, got {highest} in {of}: the network tells "
                         f"{len(classes)} classes apart; {what}")  # fmt: skip


def check_config(config):
    """TypeError or ValueError unless ``config`` is a mapping, or None, that JSON can hold."""
    if not isinstance(config, (Mapping, type(None))):
        raise TypeError(f"config must be a mapping, got {type(config).__name__}")
    try:
        json.dumps(config)
    except (TypeError, ValueError) as error:
        raise type(error)(f"config must be what JSON can hold: {error}") from None


def check_loss(loss, network, dataset):
    """TypeError or ValueError, naming what is missing, unless ``loss`` can be trained on; a foreign one is tried."""
    check_methods("loss", loss, "forward", "backward")
    if losses.reduction(loss) not in ("mean", "sum"):
        raise ValueError(f"loss.reduction must be 'mean' or 'sum', got {loss.reduction!r}")
    if type(loss).__module__ != losses.__name__:
        _try(losses.on(copy.deepcopy(loss), network.backend), network, dataset)


def warn_of_loss(loss, network):
    """A UserWarning where a loss for logits meets distances: it would make the right class the farthest.

    Softmax cross-entropy raises the output of the right class, and of an RBF layer's outputs the smallest wins: the
    training goes smoothly, to an error of 100 %.
    """
    last = network.layers[-1] if network.layers else None
    if isinstance(last, RBF) and isinstance(loss, losses.CrossEntropyLoss):
        warnings.warn(
            f"the network's outputs are distances ({last.describe()}: the smallest wins), {type(loss).__name__} is for "
            "logits (the largest wins): this trains to an error of 100 %. For distances there are losses.RBFLoss(), "
            "equation 8 of the paper, and losses.MAPLoss(), equation 9 and softmax",
            UserWarning, stacklevel=3,
        )  # fmt: skip


def _try(loss, network, dataset):
    name, labels = type(loss).__name__, network.backend.asarray(dataset.labels[:TRIAL])
    with evaluating(network):
        outputs = network.forward(network.input(dataset.images[:TRIAL]))
    value = loss.forward(outputs, labels)
    try:
        float(value)
    except (TypeError, ValueError):
        raise TypeError(f"loss: {name}.forward must return a number, got {type(value).__name__}") from None
    gradient = loss.backward()
    if not hasattr(gradient, "dtype"):
        raise TypeError(f"loss: {name}.backward must return an array, got {type(gradient).__name__}")
    if (gradient.shape, gradient.dtype) != (outputs.shape, outputs.dtype):
        raise ValueError(
            f"loss: {name}.backward must return the outputs' shape and dtype, {tuple(outputs.shape)} {outputs.dtype}, "
            f"got {tuple(gradient.shape)} {gradient.dtype}"
        )


def check_optimizer(optimizer, network, saved):
    """TypeError or ValueError, naming what is missing, unless ``optimizer`` can train ``network``.

    saved: whether its state goes into a checkpoint, or comes from one.
    """
    check_methods("optimizer", optimizer, "step", *(["state_dict", "load_state_dict"] if saved else []))
    if not isinstance(getattr(optimizer, "lr", None), numbers.Real):
        raise TypeError(f"optimizer must have a learning rate lr, {type(optimizer).__name__} has none")
    own = {id(p) for p in network.parameters()}
    if not own:
        raise ValueError("network has no parameters: there is nothing to train")
    if isinstance(optimizer, optim.Optimizer) and not own & {id(p) for p in optimizer.parameters}:
        raise ValueError("optimizer trains none of the network's parameters: make it with network.parameters()")


def check_methods(what, thing, *methods):
    if isinstance(thing, type):
        raise TypeError(f"{what} must be an object, got the class {thing.__name__}: call it")
    missing = [method for method in methods if not callable(getattr(thing, method, None))]
    if missing:
        raise TypeError(f"{what} must have {' and '.join(methods)}, {type(thing).__name__} has no {missing[0]}")
