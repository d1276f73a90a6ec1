"""Stochastic gradient descent."""

from minicnn.layers.parameter import stretches


class SGD:
    """g = dL/dw + weight_decay · w;   v <- momentum · v + g;   w <- w - lr · v.

    With ``nesterov`` the step looks ahead: w <- w - lr · (g + momentum · v). The same as PyTorch's SGD with
    dampening 0. Works on the network's contiguous parameter vector: a few operations for all layers.

    parameters: ``net.parameters()``, or some of them. Make the optimizer after ``net.to(...)``.
    Raises ValueError for a negative lr, momentum or weight_decay, or Nesterov without momentum.
    """

    def __init__(self, parameters, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters is empty: there is nothing to train")
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0, got 0")
        self.lr, self.momentum, self.weight_decay, self.nesterov = lr, momentum, weight_decay, nesterov
        self.stretches = stretches(self.parameters)
        self._vectors = [p.vector for p in self.parameters]
        self.velocities = [values * 0 for values, _ in self.stretches]

    def step(self):
        """One update of every parameter from its gradient."""
        if any(p.vector is not vector for p, vector in zip(self.parameters, self._vectors)):
            raise RuntimeError("the parameters have moved since SGD was made: call net.to(...) first, then SGD(...)")
        for (w, g), v, rate in zip(self.stretches, self.velocities, self.rates()):
            if self.weight_decay:
                g = g + self.weight_decay * w
            if self.momentum:
                v *= self.momentum
                v += g
                g = g + self.momentum * v if self.nesterov else v
            w -= rate * g

    def rates(self):
        """What the step of each stretch of parameters is multiplied by."""
        return [self.lr] * len(self.stretches)

    def report(self):
        """What an epoch's record says of the optimizer beside its lr."""
        return {}

    def state_dict(self, to_numpy):
        """The velocities as NumPy arrays, by position."""
        return {f"velocity{i}": to_numpy(v).copy() for i, v in enumerate(self.velocities)}

    def load_state_dict(self, mapping, asarray):
        """Set the velocities from what ``state_dict`` returned; ValueError if they are another network's."""
        expected = {f"velocity{i}": tuple(v.shape) for i, v in enumerate(self.velocities)}
        given = {name: tuple(a.shape) for name, a in mapping.items()}
        if given != expected:
            raise ValueError(f"optimizer state has arrays {given}, this optimizer needs {expected}")
        for i, v in enumerate(self.velocities):
            v[...] = asarray(mapping[f"velocity{i}"])
