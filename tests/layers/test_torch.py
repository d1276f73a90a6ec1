"""Layer by layer against PyTorch, values and gradients, in float64. Skipped where PyTorch is not installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import RANDOM, seeds

import minicnn as mc

torch = pytest.importorskip("torch")
F = torch.nn.functional

few = settings(max_examples=25, deadline=None)


def to_torch(a):
    """Samples last to samples first."""
    return torch.from_numpy(np.moveaxis(a, -1, 0).copy()).requires_grad_()


def to_numpy(t):
    """Samples first to samples last."""
    return np.moveaxis(t.detach().numpy(), 0, -1)


def agree(layer, x, function, parameters=()):
    """Compare y, dx and the gradients of ``layer`` with those of ``function(x, *parameters)`` in PyTorch.

    parameters: (minicnn Parameter, how it looks in PyTorch: a function of arrays of its shape), in order.
    """
    rng = np.random.default_rng(0)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy)
    tx = to_torch(x)
    weights = [torch.from_numpy(np.array(look(p.value))).requires_grad_() for p, look in parameters]
    ty = function(tx, *weights)
    ty.backward(to_torch(dy).detach())
    how = {"rtol": 1e-10, "atol": 1e-11}
    np.testing.assert_allclose(y, to_numpy(ty), **how)
    np.testing.assert_allclose(dx, to_numpy(tx.grad), **how)
    for (p, look), w in zip(parameters, weights):
        np.testing.assert_allclose(look(p.grad), w.grad.numpy() * (look(np.ones(p.shape)) != 0), **how, err_msg=p.name)


def same(a):
    return a


def dense(layer):
    """How the kernels of a Conv2d with connections look as a whole weight, zero where nothing is connected."""

    def look(kernels):
        weight = np.zeros((layer.out_channels, layer.in_channels, *layer.kernel_size))
        pairs = [(o, c) for o, maps in enumerate(layer.table) for c in maps]
        for (o, c), kernel in zip(pairs, kernels):
            weight[o, c] = kernel
        return weight

    return look


@few
@given(case=RANDOM["Conv2d"], seed=seeds)
def test_convolution(case, seed):
    layer, shape = case
    looks = [same if layer.table is None else dense(layer), same]
    agree(
        layer, np.random.default_rng(seed).standard_normal(shape),
        lambda x, weight, bias=None: F.conv2d(x, weight, bias, stride=layer.stride, padding=layer.padding),
        list(zip(layer.parameters(), looks)),
    )  # fmt: skip


@few
@given(case=RANDOM["MaxPool2d"], seed=seeds, ties=st.booleans())
def test_max_pooling(case, seed, ties):
    layer, shape = case
    x = np.random.default_rng(seed).standard_normal(shape)
    agree(layer, np.rint(x) if ties else x, lambda x: F.max_pool2d(x, layer.size, layer.stride))


@few
@given(case=RANDOM["AvgPool2d"], seed=seeds)
def test_average_pooling(case, seed):
    layer, shape = case
    x = np.random.default_rng(seed).standard_normal(shape)
    agree(layer, x, lambda x: F.avg_pool2d(x, layer.size, layer.stride))


@few
@given(case=RANDOM["Subsampling"], seed=seeds)
def test_subsampling(case, seed):
    layer, shape = case

    def function(x, coefficient, bias):
        sums = layer.size**2 * F.avg_pool2d(x, layer.size)
        return coefficient[:, None, None] * sums + bias[:, None, None]

    agree(layer, np.random.default_rng(seed).standard_normal(shape), function, [(p, same) for p in layer.parameters()])


@few
@given(case=RANDOM["Linear"], seed=seeds)
def test_linear(case, seed):
    layer, shape = case
    parameters = [(p, same) for p in layer.parameters()]
    agree(layer, np.random.default_rng(seed).standard_normal(shape), F.linear, parameters)


@few
@given(case=RANDOM["RBF"], seed=seeds)
def test_rbf(case, seed):
    layer, shape = case
    prototypes = torch.from_numpy(layer.prototypes)
    x = np.random.default_rng(seed).standard_normal(shape)
    agree(layer, x, lambda x: ((x[:, None, :] - prototypes) ** 2).sum(dim=2))


@pytest.mark.parametrize("layer, function", [
    (mc.ScaledTanh(), lambda x: 1.7159 * torch.tanh(2 / 3 * x)),
    (mc.Tanh(), torch.tanh),
    (mc.Sigmoid(), torch.sigmoid),
    (mc.ReLU(), torch.relu),
    (mc.Flatten(), lambda x: torch.flatten(x, start_dim=1)),
], ids=lambda value: repr(value) if isinstance(value, mc.Layer) else "")  # fmt: skip
def test_what_has_no_parameters(layer, function):
    x = 5 * np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    x[0, 0, 0, 0] = 0  # ReLU's corner
    agree(layer, x, function)
