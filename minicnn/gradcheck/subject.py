"""What is checked: a private copy in float64 of somebody's layer or loss."""

import copy

import numpy as np

from minicnn.backend import get
from minicnn.gradcheck import held
from minicnn.gradcheck.inputs import as_integers, read, real_numbers
from minicnn.gradcheck.point import Point
from minicnn.layers.base import Layer
from minicnn.layers.sequential import Sequential
from minicnn.losses import Loss


class Subject:
    """The copy, its parameters and the inputs that it was given; ``at`` runs it both ways.

    parameters: (name, Parameter) of all that parameters() returns; missing: of those that the layer holds besides.
    afresh(): the same once more, a copy that has not been run yet.
    Raises as ``gradcheck`` says.
    """

    def __init__(self, original, x, labels, targets, training):
        self.label = getattr(original, "label", type(original).__name__)
        self.title = _title(original)
        compared = labels is not None or targets is not None
        self.is_loss = isinstance(original, Loss) or (compared and not isinstance(original, Layer))
        self.is_network = isinstance(original, Sequential)
        self._check_object(original)
        self.extra = self._second_argument(labels, targets)
        self.model = copy.deepcopy(original)
        if isinstance(self.model, Layer):
            self.model.to(dtype="float64")
        mode = getattr(self.model, "train" if training else "eval", None)
        if callable(mode):
            mode()
        self.backend = getattr(self.model, "backend", get("numpy"))
        self.generators = [generator for _, generator in held.generators(self.model)]
        self.buffers = list(self.model.buffer_places().values()) if isinstance(self.model, Layer) else []
        self.parameters, self.missing = self._find_parameters()
        self.inputs = self._read(x)
        self.afresh = lambda: Subject(original, x, labels, targets, training)

    def at(self, inputs, dy=None, repeat=False):
        """The Point at ``inputs`` and the parameters as they are."""
        return Point(self, inputs, dy, repeat)

    def host(self, a):
        """``a`` as a NumPy array of its own."""
        return np.array(self.backend.to_numpy(a))

    def state(self):
        """What the next forward depends on beside arrays to differentiate: generators' states, and buffers."""
        buffers = [getattr(layer, attribute).copy() for layer, attribute in self.buffers]
        return [g.bit_generator.state for g in self.generators], buffers

    def set_state(self, state):
        states, buffers = state
        for generator, at in zip(self.generators, states):
            generator.bit_generator.state = at
        for (layer, attribute), array in zip(self.buffers, buffers):
            setattr(layer, attribute, array.copy())

    # --------------------------------------------------------------------------------- what it was given

    def _read(self, x):
        """x as Inputs; a single array of integers stays one where forward refuses real numbers or has no dx."""
        inputs, integers = read(x, self.model.forward, self.backend), None
        if not self.is_loss:
            integers = as_integers(x, self.backend)
        if integers and self._reads_integers(inputs, integers):
            inputs = integers
        if inputs.several and {name for name, _ in self.parameters} & set(inputs.names):
            inputs = inputs.numbered()
        if not any(inputs.real) and not self.parameters and not self.missing:
            raise ValueError(f"{self.label}: x holds integers and there are no parameters: nothing to differentiate")
        return inputs

    def _reads_integers(self, reals, integers):
        try:
            model = copy.deepcopy(self.model)
            y = model.forward(*reals.arrays)
            return model.backward(y) is None
        except (TypeError, ValueError, IndexError):
            try:
                copy.deepcopy(self.model).forward(*integers.arrays)
            except Exception:  # neither way: let the first one say why
                return False
            return True

    def _find_parameters(self):
        trained = held.trained(self.model)
        for name, p in trained:
            if p.value.dtype != np.float64:
                raise TypeError(f"{self.label}: {name} is {p.value.dtype}; differences need float64")
        known = {id(p) for _, p in trained}
        return trained, [(name, p) for name, p in held.parameters(self.model) if id(p) not in known]

    def _check_object(self, original):
        for method in ("forward", "backward"):
            if not callable(getattr(original, method, None)):
                raise TypeError(f"{self.label} has no {method}: gradcheck needs a layer or a loss")
        if isinstance(original, Layer) and not hasattr(original, "backend"):
            raise TypeError(f"{self.label}: its __init__ must call super().__init__()")

    def _second_argument(self, labels, targets):
        """() for a layer, (labels,) or (targets,) for a loss."""
        if not self.is_loss:
            if labels is not None or targets is not None:
                raise TypeError(f"{self.label} is a layer: labels and targets are for losses")
            return ()
        if (labels is None) == (targets is None):
            raise TypeError(f"{self.label} is a loss: give labels= or targets=, one of them")
        return (labels,) if targets is None else (real_numbers("targets", targets, get("numpy")),)


def _title(original):
    """What the report is about, in a few words that begin with the class."""
    kind = type(original).__name__
    if isinstance(original, Loss):
        return repr(original)
    if not isinstance(original, Layer):
        return kind
    words = original.describe()
    return f"{original.name}: " * bool(original.name) + (words if words.startswith(kind) else f"{kind}: {words}")
