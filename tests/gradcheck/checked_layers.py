"""Layers to check: right ones that somebody might write, and ones with a gradient spoilt."""

import numpy as np

import minicnn as mc


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class Scale(mc.Layer):
    """y = k x, one k a row: a layer as somebody would write it first."""

    def __init__(self, rows):
        super().__init__()
        self.k = mc.Parameter(np.linspace(1, 2, rows), "k")

    def forward(self, x):
        self.x = x
        return self.k.value[:, None] * x

    def backward(self, dy):
        self.k.grad = (self.x * dy).sum(axis=1)
        return self.k.value[:, None] * dy

    def parameters(self):
        return [self.k]


class Function(mc.Layer):
    """y = f(x) and dx = slope(x) dy, elementwise."""

    def __init__(self, f, slope):
        super().__init__()
        self.f, self.slope = f, slope

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, dy):
        return self.slope(self.x) * dy


def absolute(at_zero=0.0):
    return Function(np.abs, lambda x: np.where(x == 0, at_zero, np.sign(x)))


class Corrupted(mc.Layer):
    """``layer`` with ``change`` added to one element of one of its gradients."""

    def __init__(self, layer, name, index, change):
        super().__init__()
        self.layer, self.name, self.index, self.change = layer, name, index, change

    def forward(self, x):
        return self.layer.forward(x)

    def backward(self, dy):
        dx = self.layer.backward(dy)
        gradients = {p.name: p.grad for p in self.parameters()} | {"x": dx}
        gradients[self.name][self.index] += self.change
        return dx

    def parameters(self):
        return self.layer.parameters()

    def to(self, backend=None, dtype=None):
        self.layer.to(backend, dtype)
        return self
