"""Layers that people really write: right ones, each with a place or two where a mistake is easily made."""

import numpy as np

import minicnn as mc


class Normalise(mc.Layer):
    """x^ = (x - mean) / sqrt(variance + eps) over ``axes``, y = gamma x^ + beta, for x of any shape.

    backward: with g = gamma dy, dx = (g - mean(g) - x^ mean(g x^)) / sqrt(variance + eps).
    """

    eps = 1e-5

    def __init__(self, shape, axes):
        super().__init__()
        self.axes = axes
        self.gamma = mc.Parameter(np.ones(shape), "gamma")
        self.beta = mc.Parameter(np.zeros(shape), "beta")

    def mean(self, a):
        return a.mean(axis=self.axes, keepdims=True)

    def forward(self, x):
        centred = x - self.mean(x)
        self.std = np.sqrt(self.mean(centred**2) + self.eps)
        self.normal = centred / self.std
        self.y = self.wide(self.gamma.value, x) * self.normal + self.wide(self.beta.value, x)
        return self.y.copy()

    def backward(self, dy):
        self.gamma.grad = self.narrow(dy * self.normal)
        self.beta.grad = self.narrow(dy)
        g = self.wide(self.gamma.value, dy) * dy
        return (g - self.mean(g) - self.normal * self.mean(g * self.normal)) / self.std

    def wide(self, p, x):
        return p.reshape(p.shape + (1,) * (x.ndim - p.ndim))

    def narrow(self, a):
        return a.sum(axis=tuple(range(self.gamma.value.ndim, a.ndim)))


class BatchNorm1d(Normalise):
    def __init__(self, features):
        super().__init__((features,), 1)


class BatchNorm2d(Normalise):
    def __init__(self, maps):
        super().__init__((maps,), (1, 2, 3))


class LayerNorm(Normalise):
    def __init__(self, features):
        super().__init__((features,), 0)


class Softmax(mc.Layer):
    """p = exp(x) / sum(exp(x)) down each column; dx = p (dp - sum(p dp))."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=0))
        self.p = e / e.sum(axis=0)
        return self.p.copy()

    def backward(self, dy):
        return self.p * (dy - (self.p * dy).sum(axis=0))


class Dropout(mc.Layer):
    """y = x · mask / (1 - p) in training, y = x otherwise."""

    def __init__(self, p=0.5, seed=0):
        super().__init__()
        self.p, self.random = p, np.random.default_rng(seed)

    def forward(self, x):
        self.mask = self.random.random(x.shape) >= self.p if self.training else np.ones(x.shape, bool)
        return self.scaled(x, self.mask)

    def backward(self, dy):
        return self.scaled(dy, self.mask)

    def scaled(self, a, mask):
        return a * mask / (1 - self.p if self.training else 1)


class Residual(mc.Layer):
    """y = x + f(x), a layer made of a layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, dy):
        return dy + self.inner.backward(dy)


class Branches(mc.Layer):
    """y = a(x) + b(x)."""

    def __init__(self, a, b):
        super().__init__()
        self.branches = [a, b]

    def forward(self, x):
        return self.branches[0].forward(x) + self.branches[1].forward(x)

    def backward(self, dy):
        return self.branches[0].backward(dy) + self.branches[1].backward(dy)


class SinAndCos(mc.Layer):
    """y = sin x over cos x: two branches side by side."""

    def forward(self, x):
        self.x = x
        return np.concatenate([np.sin(x), np.cos(x)])

    def backward(self, dy):
        of_sin, of_cos = np.split(dy, 2)
        return np.cos(self.x) * of_sin - np.sin(self.x) * of_cos


class Slide(mc.Layer):
    """y[i] = x[i] + 2 x[i + 1]: windows that overlap, by a loop."""

    def forward(self, x):
        return x[:-1] + 2 * x[1:]

    def backward(self, dy):
        dx = np.zeros((len(dy) + 1, *dy.shape[1:]))
        for i, row in enumerate(dy):
            dx[i] += row
            dx[i + 1] += 2 * row
        return dx


class Embedding(mc.Layer):
    """y = the columns of a table (features, words) that x names; nothing to differentiate in x."""

    def __init__(self, features, words, seed=0):
        super().__init__()
        self.table = mc.Parameter(np.random.default_rng(seed).standard_normal((features, words)), "table")

    def forward(self, x):
        self.x = x
        return self.table.value[:, x]

    def backward(self, dy):
        grad = np.zeros(self.table.shape)
        np.add.at(grad, (slice(None), self.x), dy)
        self.table.grad = grad


class Product(mc.Layer):
    """y = a · b, of two inputs."""

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, dy):
        return self.b * dy, self.a * dy


class Gather(mc.Layer):
    """y[n] = values[index[n], n]: one row of each column."""

    def forward(self, values, index):
        self.index, self.shape = index, values.shape
        return np.take_along_axis(values, index[None], axis=0)

    def backward(self, dy):
        dx = np.zeros(self.shape)
        np.put_along_axis(dx, self.index[None], dy, axis=0)
        return dx, None
