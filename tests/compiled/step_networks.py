"""Networks for the compiled step: every kind of layer, and layers of a user's own at every place."""

import numpy as np

import minicnn as mc


class Scale(mc.Layer):
    """y = s x, one number for all, a layer of the user's own with a parameter."""

    def __init__(self):
        super().__init__()
        self.s = mc.Parameter(np.array([1.5]), "s")

    def forward(self, x):
        self.x = x
        return self.s.value * x

    def backward(self, dy):
        self.s.grad = np.array([(dy * self.x).sum()])
        return self.s.value * dy

    def parameters(self):
        return [self.s]


class Centre(mc.Layer):
    """y = x - the mean over the batch: it must see the whole batch at once."""

    def forward(self, x):
        return x - x.mean(axis=-1, keepdims=True)

    def backward(self, dy):
        return dy - dy.mean(axis=-1, keepdims=True)


class Residual(mc.Sequential):
    """y = the last two layers of x + the first two of x."""

    def forward(self, x):
        return self[3].forward(self[2].forward(x + self[1].forward(self[0].forward(x))))

    def backward(self, dy):
        dx = self[2].backward(self[3].backward(dy))
        return dx + self[0].backward(self[1].backward(dx))


def small_network(*middle, end=None, **how):
    how = {"rng": np.random.default_rng(3), "dtype": "float64"}
    layers = [mc.Conv2d(1, 3, 5, stride=3, **how), mc.Tanh(), mc.MaxPool2d(2), mc.Conv2d(3, 4, 2, padding=1, **how)]
    layers += [mc.ReLU(), mc.AvgPool2d(2), *middle, mc.Flatten(), mc.Linear(16, 6, **how), mc.Sigmoid()]
    layers += [mc.Linear(6, 10, bias=False, **how)] if end is None else end
    return mc.Sequential(layers, preprocess=mc.data.transforms.UNIT)


def other_layers(groups=1, dilation=1, pools=None):
    """Every setting of a layer that kernels do not have comes right before and behind a tanh, too."""
    how, pools = {"rng": np.random.default_rng(3), "dtype": "float64"}, pools or {}
    return mc.Sequential([
        mc.Conv2d(1, 4, 5, stride=2, **how), mc.Tanh(),
        mc.Conv2d(4, 6, 3, padding=1, dilation=dilation, groups=groups, **how), mc.LeakyReLU(0.1),
        mc.MaxPool2d(3, stride=2, **pools), mc.Conv2d(6, 6, 2, groups=6 if groups > 1 else 1, **how), mc.ScaledTanh(),
        mc.AvgPool2d(2, **pools), mc.Conv2d(6, 10, 1, groups=groups, **how), mc.GlobalAvgPool2d(), mc.Flatten(),
    ], preprocess=mc.data.transforms.UNIT)  # fmt: skip


NETWORKS = {
    "every kind of layer": lambda: small_network(),
    "a layer of one's own in the middle": lambda: small_network(Scale()),
    "a layer that looks at the whole batch": lambda: small_network(Centre(), Scale()),
    "convolutions in groups": lambda: other_layers(groups=2),
    "a dilated convolution": lambda: other_layers(dilation=2),
    "pooling with padding": lambda: other_layers(pools=dict(padding=1)),
    "pooling beyond the edge": lambda: other_layers(pools=dict(ceil_mode=True)),
    "a network in the network": lambda: small_network(mc.Sequential([mc.Tanh(), Scale()])),
    "a network with a forward of its own": lambda: Residual(
        [mc.Conv2d(1, 1, 3, padding=1, rng=1, dtype="float64"), mc.ScaledTanh(), mc.Flatten(),
         mc.Linear(784, 10, rng=1, dtype="float64")], preprocess=mc.data.transforms.UNIT),
    "its own layer first": lambda: mc.Sequential(
        [Scale(), mc.Flatten(), mc.Linear(784, 10, rng=1, dtype="float64")], preprocess=mc.data.transforms.UNIT),
    "its own layer last": lambda: mc.Sequential(
        [mc.Flatten(), mc.Linear(784, 10, rng=1, dtype="float64"), Scale()], preprocess=mc.data.transforms.UNIT),
    "a preprocessing of one's own": lambda: mc.Sequential(
        [mc.Flatten(), mc.Linear(784, 10, rng=1, dtype="float64")],
        preprocess=lambda images, dtype: (images.transpose(1, 2, 0)[None] / 255).astype(dtype)),
    "dropout, drawn for the whole batch": lambda: small_network(mc.Dropout(0.4, rng=8)),
    "batch normalisation": lambda: small_network(mc.BatchNorm2d(4, dtype="float64"), mc.ReLU()),
    "branches": lambda: small_network(
        mc.Residual([mc.Conv2d(4, 4, 3, padding=1, rng=1, dtype="float64"), mc.LayerNorm((4, 2, 2), dtype="float64")]),
        mc.Parallel([mc.Conv2d(4, 2, 1, rng=1, dtype="float64"), [mc.Conv2d(4, 2, 1, rng=2, dtype="float64"), mc.Tanh()]
                     ], "concatenate")),
    "nothing but a linear layer": lambda: mc.Sequential(
        [mc.Flatten(), mc.Linear(784, 10, rng=1, dtype="float64")], preprocess=mc.data.transforms.UNIT),
}  # fmt: skip
