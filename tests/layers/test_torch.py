"""Layer by layer against PyTorch, values and gradients, in float64. Skipped where PyTorch is not installed."""

import itertools

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
    looks = [same if layer.table is None or layer.groups > 1 else dense(layer), same]
    how = layer.stride, layer.padding, layer.dilation, layer.groups
    agree(
        layer, np.random.default_rng(seed).standard_normal(shape),
        lambda x, weight, bias=None: F.conv2d(x, weight, bias, *how),
        list(zip(layer.parameters(), looks)),
    )  # fmt: skip


@few
@given(case=RANDOM["MaxPool2d"], seed=seeds, ties=st.booleans())
def test_max_pooling(case, seed, ties):
    layer, shape = case
    x = np.random.default_rng(seed).standard_normal(shape)
    how = layer.size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode
    agree(layer, np.rint(x) if ties else x, lambda x: F.max_pool2d(x, *how))


@few
@given(case=RANDOM["AvgPool2d"], seed=seeds)
def test_average_pooling(case, seed):
    layer, shape = case
    x = np.random.default_rng(seed).standard_normal(shape)
    how = layer.size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad
    agree(layer, x, lambda x: F.avg_pool2d(x, *how))


@pytest.mark.parametrize("pixels", range(1, 10))
def test_windows_beyond_the_edge_lie_where_pytorch_has_them(pixels):
    """Every way in which a last window may be whole, reach over the edge, begin behind the image, or not fit at all."""
    x = np.random.default_rng(0).standard_normal((1, 1, pixels, 2))
    for size, stride, padding, dilation in itertools.product(range(1, 5), range(1, 6), range(3), range(1, 4)):
        if 2 * padding > size or dilation > pixels:
            continue  # PyTorch refuses the first, and writes to foreign memory where a window sees nothing of the image
        how = {"padding": (0, padding), "dilation": (1, dilation), "ceil_mode": True}
        layer = mc.MaxPool2d((1, size), (1, stride), **how)
        try:
            expected = to_numpy(F.max_pool2d(to_torch(x), (1, size), (1, stride), **how))
        except RuntimeError:
            with pytest.raises(ValueError, match="smaller than the window"):
                layer.forward(x)
        else:
            np.testing.assert_array_equal(layer.forward(x), expected, err_msg=f"{size}, {stride}, {how}")


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


@few
@given(case=RANDOM["normalisation"], seed=seeds)
def test_normalisation(case, seed):
    layer, shape = case
    x = np.random.default_rng(seed).standard_normal(shape)
    buffers = [torch.from_numpy(array.copy()) for _, array in layer.named_buffers()][:2] or [None, None]
    if isinstance(layer, mc.LayerNorm):
        places = x.ndim - 1 - len(layer.normalized_shape)

        def function(x, weight=None, bias=None):  # PyTorch's features come last
            axes = range(1, x.ndim)
            front = x.permute(0, *axes[x.ndim - 1 - places :], *axes[: x.ndim - 1 - places])
            y = F.layer_norm(front, layer.normalized_shape, weight, bias, layer.eps)
            return y.permute(0, *range(1 + places, x.ndim), *range(1, 1 + places))
    else:

        def function(x, weight=None, bias=None):
            return F.batch_norm(x, *buffers, weight, bias, layer.whole_batch, layer.momentum, layer.eps)

    agree(layer, x, function, [(p, same) for p in layer.parameters()])
    for (name, array), theirs in zip(layer.named_buffers(), buffers):
        np.testing.assert_allclose(array, theirs.numpy(), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("momentum", [0.1, 0.9, None])
def test_running_statistics_over_some_batches(momentum):
    layer = mc.BatchNorm2d(3, momentum=momentum, dtype="float64")
    twin = torch.nn.BatchNorm2d(3, momentum=momentum).double()
    for x in np.random.default_rng(0).standard_normal((4, 3, 5, 4, 6)):
        layer.forward(x)
        twin(to_torch(x))
    for name, array in layer.named_buffers():
        np.testing.assert_allclose(array, getattr(twin, name).numpy(), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(layer.eval().forward(x), to_numpy(twin.eval()(to_torch(x))), rtol=1e-10, atol=1e-12)


def test_a_residual_block_and_branches():
    how = {"rng": np.random.default_rng(0), "dtype": "float64"}
    block = mc.Residual([mc.Conv2d(3, 3, 3, padding=1, **how), mc.Tanh()])
    branches = mc.Parallel([mc.Conv2d(3, 2, 1, **how), mc.Conv2d(3, 4, 3, padding=1, **how)], "concatenate")
    x = np.random.default_rng(1).standard_normal((3, 5, 4, 2))
    agree(
        mc.Sequential([block, branches]), x,
        lambda x, w1, b1, w2, b2, w3, b3: (
            lambda r: torch.cat([F.conv2d(r, w2, b2), F.conv2d(r, w3, b3, padding=1)], dim=1)
        )(x + torch.tanh(F.conv2d(x, w1, b1, padding=1))),
        [(p, same) for p in [*block.parameters(), *branches.parameters()]],
    )  # fmt: skip


@pytest.mark.parametrize("layer, function", [
    (mc.ScaledTanh(), lambda x: 1.7159 * torch.tanh(2 / 3 * x)),
    (mc.Tanh(), torch.tanh),
    (mc.Sigmoid(), torch.sigmoid),
    (mc.ReLU(), torch.relu),
    (mc.LeakyReLU(), F.leaky_relu),
    (mc.LeakyReLU(0), lambda x: F.leaky_relu(x, 0.0)),
    (mc.LeakyReLU(1.5), lambda x: F.leaky_relu(x, 1.5)),
    (mc.GlobalAvgPool2d(), lambda x: F.adaptive_avg_pool2d(x, 1)),
    (mc.Flatten(), lambda x: torch.flatten(x, start_dim=1)),
], ids=lambda value: repr(value) if isinstance(value, mc.Layer) else "")  # fmt: skip
def test_what_has_no_parameters(layer, function):
    x = 5 * np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    x[0, 0, 0, 0] = 0  # the corner of ReLU and LeakyReLU
    agree(layer, x, function)
