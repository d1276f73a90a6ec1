"""Weight gradients of fully connected layers on the CPU, made at the end of a step for all parts of the batch at once.

``kernels/cpu/step_end.py`` says why. The parts keep what the gradients are made of; then each thread makes some rows of
every layer's, adds up its share of all other gradients, and updates what it has made or added.
"""

from dataclasses import dataclass

import numpy as np

from minicnn.compiled.cpu import CpuForm


@dataclass
class Layer:
    """Shapes of a layer, the (begin, end) of its parameters, and what the parts of a batch have kept, by lane."""

    units: int
    features: int
    samples: int
    weights: tuple
    bias: tuple | None
    errors: np.ndarray
    inputs: np.ndarray

    def rows(self, thread, threads):
        """The (first, last) of a thread's rows, of which two are made at once."""
        share = 2 * -(-self.units // (2 * threads))
        return min(thread * share, self.units), min((thread + 1) * share, self.units)

    def stretches(self, rows):
        """The (begin, end) of the parameters that rows (first, last) are."""
        first, last = rows
        found = [(self.weights[0] + first * self.features, self.weights[0] + last * self.features)]
        return found + ([(self.bias[0] + first, self.bias[0] + last)] if self.bias else [])


class LateGradients:
    """The layers whose gradients are late, of a network whose parameters' gradients are ``gradient``.

    lanes: how many there are in this process; parts: of a batch in a lane, at most.
    """

    def __init__(self, gradient, lanes, parts):
        self.gradient, self.lanes, self.parts, self.layers = gradient, lanes, parts, {}

    def layer(self, form, d, x, weights, bias):
        """The Layer with parameters at weights and bias, of errors like d (M, N) and inputs like x (K, N)."""
        if weights not in self.layers:
            units, (features, samples) = len(d), x.shape
            errors, inputs = (form.array((self.lanes, self.parts, a.size), a.dtype) for a in (d, x))
            self.layers[weights] = Layer(units, features, samples, weights, bias, errors, inputs)
        return self.layers[weights]

    def others(self):
        """The (begin, end) of all parameters that belong to no such layer."""
        late = sorted(stretch for layer in self.layers.values() for stretch in (layer.weights, layer.bias) if stretch)
        begins, ends = [0, *(end for _, end in late)], [*(begin for begin, _ in late), len(self.gradient)]
        return _pairs([(begin, end) for begin, end in zip(begins, ends) if begin < end])

    def share(self, form, thread, threads):
        """(Calls that make its rows, (begin, end) of the other parameters that it adds up, of all that it updates)."""
        calls, updated, added = [], [], []
        for layer in self.layers.values():
            rows = layer.rows(thread, threads)
            updated += layer.stretches(rows)
            sums = form.array((self.lanes, 2 * layer.features), self.gradient.dtype)
            totals = form.array((self.lanes, layer.units), self.gradient.dtype)
            dweights = self.gradient[slice(*layer.weights)]
            dbias = self.gradient[slice(*layer.bias)] if layer.bias else form.array(layer.units, self.gradient.dtype)
            call = form.call("step_end.dense_gradient", layer.samples)
            calls.append(call(np.array(rows, np.int64), layer.errors, layer.inputs, sums, totals, dweights, dbias))
        for begin, end in self.others():
            share = -(-(end - begin) // threads)
            added.append((min(begin + thread * share, end), min(begin + (thread + 1) * share, end)))
        return calls, _pairs(added), _pairs(added + updated)


class LateForm(CpuForm):
    """The CPU's form for a thread, whose parts are at ``position`` and add to ``gradient``, but for late gradients."""

    def __init__(self, backend, dtype, late, position, gradient):
        super().__init__(backend, dtype)
        self.late, self.position, self.gradient = late, position, gradient

    def dense_weight_gradient(self, d, x, dweights, dbias):
        stretches = (None if a is None else self._stretch(a) for a in (dweights, dbias))
        layer = self.late.layer(self, d, x, *stretches)
        call = self.call("step_end.keep", layer.samples)
        return [call(d.reshape(-1), x.reshape(-1), self.position, layer.errors, layer.inputs)]

    def _stretch(self, a):
        """(begin, end) of a view of the gradient."""
        begin = (a.ctypes.data - self.gradient.ctypes.data) // a.itemsize
        return begin, begin + a.size


def _pairs(stretches):
    return np.array(stretches, np.int64).reshape(-1, 2)
