"""PyTorch's own test inputs for the modules that are layers or losses here: values, gradients, running statistics.

They are those of torch.testing._internal, common_modules and the older common_nn, in float64. Samples come first there
and last here. Importing this changes settings of PyTorch, so it is done in a process of its own.
"""

import itertools
import warnings

import numpy as np
import torch
from outcomes import Refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_modules, common_nn

import minicnn as mc

nn = torch.nn
VERSION = torch.__version__.partition("+")[0]
CLOSE = {"rtol": 1e-9, "atol": 1e-11}
BY_MODE = (nn.BatchNorm1d, nn.BatchNorm2d)


def cases():
    """{name: a function that compares} of every input of every module in LAYERS and LOSSES."""
    torch.manual_seed(0)
    found = {}
    for name, module, given in (*new_ones(), *old_ones()):
        if type(module) in LOSSES:
            found[free(name, found)] = lambda module=module, given=given: agree_on_loss(module.double(), *given)
        else:
            modes = {", training": True, ", evaluation": False} if type(module) in BY_MODE else {"": True}
            for words, mode in modes.items():
                here = free(name + words, found)
                found[here] = lambda m=module, given=given, mode=mode: agree_on_layer(m.double().train(mode), *given)
    return found


def free(name, taken):
    """The name, numbered where PyTorch has given it to several cases."""
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return next(name for name in itertools.chain([name], numbered) if name not in taken)


def new_ones():
    """(name, module, its inputs) of common_modules."""
    for info in common_modules.module_db:
        kind = info.module_cls
        if kind not in LAYERS and kind not in LOSSES:
            continue
        inputs = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=True)
        for case in inputs:
            module = kind(*case.constructor_input.args, **case.constructor_input.kwargs)
            given = [*case.forward_input.args, *case.forward_input.kwargs.values()]
            yield f"{kind.__name__} {case.desc}".strip(), module, given


def old_ones():
    """The same of common_nn."""
    tests = [*common_nn.module_tests, *common_nn.get_new_module_tests(), *common_nn.criterion_tests]
    for test in tests:
        make = test.get("constructor") or getattr(nn, test.get("module_name", ""), None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = make(*test.get("constructor_args", ())) if make else None
        if type(module) not in LAYERS and type(module) not in LOSSES:
            continue
        given = [test["input_fn"]() if "input_fn" in test else torch.randn(test["input_size"])]
        if type(module) in LOSSES:
            given.append(test["target_fn"]() if "target_fn" in test else torch.randn(test["target_size"]))
        words = test.get("fullname") or f"{test['module_name']} {test.get('desc', '')}"
        yield f"{words} (common_nn)".replace("  ", " "), module, [a.double() for a in given]


def agree_on_layer(module, x):
    layer = LAYERS[type(module)](module).to(dtype="float64").train(module.training)
    for name, tensor in module.named_parameters():
        getattr(layer, name).value = tensor.detach().numpy()
    for name, tensor in module.named_buffers():
        setattr(layer, name, tensor.numpy().copy())
    order = last(module, x.dim())
    y = layer.forward(x.detach().numpy().transpose(order))

    module.zero_grad()
    tx = x.detach().requires_grad_()
    ty = module(tx)
    dy = np.random.default_rng(0).standard_normal(ty.shape)
    ty.backward(torch.from_numpy(dy))
    y_order = last(module, ty.dim())
    np.testing.assert_allclose(y, ty.detach().numpy().transpose(y_order), **CLOSE, err_msg="y")
    dx = layer.backward(dy.transpose(y_order))
    np.testing.assert_allclose(dx, tx.grad.numpy().transpose(order), **CLOSE, err_msg="dx")
    for name, tensor in module.named_parameters():
        np.testing.assert_allclose(getattr(layer, name).grad, tensor.grad.numpy(), **CLOSE, err_msg=name)
    for name, tensor in module.named_buffers():
        np.testing.assert_allclose(getattr(layer, name), tensor.numpy(), **CLOSE, err_msg=name)


def agree_on_loss(module, outputs, target):
    loss = LOSSES[type(module)](module)
    samples_last = last(module, outputs.dim())
    labels = target.detach().numpy()
    labels = labels.transpose(samples_last) if target.dim() == outputs.dim() else labels
    value = loss.forward(outputs.detach().numpy().transpose(samples_last), labels)

    t = outputs.detach().requires_grad_()
    expected = module(t, target.detach())
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), **CLOSE, err_msg="loss")
    np.testing.assert_allclose(loss.backward(), t.grad.numpy().transpose(samples_last), **CLOSE, err_msg="gradient")


def last(module, axes):
    """The order of axes with the samples last; LayerNorm's own come first."""
    own = len(module.normalized_shape) if isinstance(module, nn.LayerNorm) else 0
    return [*range(axes - own, axes), *range(1, axes - own), *range(min(1, axes - own))]


# ------------------------------------------------------------------------------------- modules as layers and losses


def linear(m):
    return mc.Linear(m.in_features, m.out_features, bias=m.bias is not None)


def convolution(m):
    if m.padding_mode != "zeros":
        raise Refused("Conv2d pads with zeros")
    return mc.Conv2d(m.in_channels, m.out_channels, m.kernel_size, stride=m.stride, padding=m.padding,
                     dilation=m.dilation, groups=m.groups, bias=m.bias is not None)  # fmt: skip


def max_pooling(m):
    if m.return_indices:
        raise Refused("MaxPool2d returns no indices")
    return mc.MaxPool2d(m.kernel_size, m.stride, padding=m.padding, dilation=m.dilation, ceil_mode=m.ceil_mode)


def average_pooling(m):
    if m.divisor_override is not None:
        raise Refused("AvgPool2d has no divisor_override")
    return mc.AvgPool2d(m.kernel_size, m.stride, padding=m.padding, ceil_mode=m.ceil_mode,
                        count_include_pad=m.count_include_pad)  # fmt: skip


def adaptive_pooling(m):
    if m.output_size not in (1, (1, 1)):
        raise Refused("only the mean of the whole map, GlobalAvgPool2d, adapts to the image")
    return mc.GlobalAvgPool2d()


def batch_normalisation(kind):
    def make(m):
        if m.affine and m.bias is None:
            raise Refused("BatchNorm has no weight without a bias")
        return kind(m.num_features, m.eps, m.momentum, m.affine, m.track_running_stats)

    return make


def layer_normalisation(m):
    if m.elementwise_affine and m.bias is None:
        raise Refused("LayerNorm has no weight without a bias")
    return mc.LayerNorm(m.normalized_shape, m.eps, m.elementwise_affine)


def flatten(m):
    if (m.start_dim, m.end_dim) != (1, -1):
        raise Refused("Flatten begins behind the samples' axis")
    return mc.Flatten()


LAYERS = {
    nn.Linear: linear, nn.Conv2d: convolution, nn.MaxPool2d: max_pooling, nn.AvgPool2d: average_pooling,
    nn.AdaptiveAvgPool2d: adaptive_pooling, nn.BatchNorm1d: batch_normalisation(mc.BatchNorm1d),
    nn.BatchNorm2d: batch_normalisation(mc.BatchNorm2d), nn.LayerNorm: layer_normalisation, nn.Flatten: flatten,
    nn.ReLU: lambda m: mc.ReLU(), nn.LeakyReLU: lambda m: mc.LeakyReLU(m.negative_slope),
    nn.Tanh: lambda m: mc.Tanh(), nn.Sigmoid: lambda m: mc.Sigmoid(),
}  # fmt: skip
"""The layer that a module is."""


def cross_entropy(m):
    if m.weight is not None:
        raise Refused("CrossEntropyLoss has no weights of the classes")
    if m.ignore_index >= 0:
        raise Refused("CrossEntropyLoss has no ignore_index")
    if m.label_smoothing:
        raise Refused("CrossEntropyLoss has no label_smoothing")
    return mc.losses.CrossEntropyLoss(m.reduction)


LOSSES = {nn.CrossEntropyLoss: cross_entropy, nn.MSELoss: lambda m: mc.losses.MSELoss(m.reduction)}
"""The loss that a module is."""
