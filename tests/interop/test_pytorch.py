"""Weights in PyTorch's names and shapes: the twins compute the same, forward and backward, and weights come back."""

import re
from pathlib import Path

import numpy as np
import pytest
from networks import NAMES, batch, blank, equal, networks

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.interop import load_torch_state_dict, torch_state_dict

GUIDE = Path(__file__).parents[2] / "docs" / "interop.md"


# ------------------------------------------------------------------------------------------------ beside PyTorch


def twin(name):
    """The module in PyTorch: LeNet-5 as docs/interop.md writes it."""
    torch = pytest.importorskip("torch")
    scope, nn = {}, torch.nn
    exec(re.search(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)[1], scope)
    if name == "lenet5":
        return scope["LeNet5"]()
    if name == "lenet_modern":
        places = {"conv1": nn.Conv2d(1, 6, 3, padding=1), "pool1": nn.MaxPool2d(2), "conv2": nn.Conv2d(6, 16, 5),
                  "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten(), "linear1": nn.Linear(400, 120),
                  "linear2": nn.Linear(120, 84), "linear3": nn.Linear(84, 10)}  # fmt: skip
        module = nn.Sequential()
        for place, layer in places.items():
            module.add_module(place, layer)
        return module

    class Residual(nn.Sequential):
        def forward(self, x):
            *layers, shortcut = self
            y = x
            for layer in layers:
                y = layer(y)
            return y + shortcut(x)

    class Concatenate(nn.ModuleDict):
        def forward(self, x):
            return torch.cat([branch(x) for branch in self.values()], dim=1)

    block = Residual(nn.Conv2d(4, 4, 3, padding=1), nn.Tanh())
    block.add_module("shortcut", nn.Conv2d(4, 4, 1))
    return nn.Sequential(
        scope["TableConv2d"](2, 4, 3, [[1, 0], [1], [0], [0, 1]]), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 2, groups=2, bias=False), scope["Subsampling"](4), scope["Squash"](), nn.Dropout(0.5), block,
        Concatenate({"mean": nn.AvgPool2d(2), "max": nn.Sequential(nn.LeakyReLU(0.2), nn.MaxPool2d(2))}), nn.Flatten(),
        nn.BatchNorm1d(32, affine=False), nn.LayerNorm(32), nn.Sequential(nn.Linear(32, 5), nn.Sigmoid()),
        scope["RBF"](np.zeros((3, 5))),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_in_pytorch_computes_the_same_forward_and_backward(name):
    torch = pytest.importorskip("torch")
    network, shape = networks("float64")[name]
    module = twin(name).double()
    module.load_state_dict({key: torch.as_tensor(array) for key, array in torch_state_dict(network).items()})
    x, theirs = batch(shape, "float64")
    theirs = torch.as_tensor(theirs).requires_grad_()
    y, their_y = network.forward(x), module(theirs)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    dx = network.backward(dy)
    their_y.backward(torch.as_tensor(dy.T.copy()))
    close(y.T, their_y.detach().numpy(), "y")
    close(np.moveaxis(dx, -1, 0), theirs.grad.numpy(), "x")
    gradients = torch_state_dict(holding_its_gradients(network))
    compared = {key: p.grad.numpy() for key, p in module.named_parameters()}
    assert len(compared) == len(network.parameters())
    for key, gradient in compared.items():
        close(gradients[key], gradient, key)


def close(ours, theirs, what):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10, err_msg=what)


def holding_its_gradients(network):
    """The network with every parameter's gradient in its place, so that ``torch_state_dict`` puts them into form."""
    for p in network.parameters():
        p.value = p.grad
    return network


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_from_pytorch_bit_by_bit(name):
    torch = pytest.importorskip("torch")
    network, _ = networks()[name]
    module = twin(name)
    module.load_state_dict({key: torch.as_tensor(array) for key, array in torch_state_dict(network).items()})
    assert equal(load_torch_state_dict(blank(name), module.state_dict()), network)


def test_tensors_on_their_way_of_training_and_of_half_the_digits_are_read():
    torch = pytest.importorskip("torch")
    network, twin = mc.Sequential([mc.Linear(3, 2, rng=0)]), torch.nn.Sequential(torch.nn.Linear(3, 2))
    load_torch_state_dict(network, dict(twin.named_parameters()))
    assert np.array_equal(network[0].weight.value, twin[0].weight.detach().numpy())
    load_torch_state_dict(network, twin.bfloat16().state_dict())
    assert np.array_equal(network[0].weight.value, twin[0].weight.detach().float().numpy())


def test_a_module_that_learns_keeps_what_the_table_does_not_connect_at_zero():
    torch = pytest.importorskip("torch")
    network, module = mc.models.lenet5(rng=0), twin("lenet5")
    module.load_state_dict({key: torch.as_tensor(array) for key, array in torch_state_dict(network).items()})
    sgd = torch.optim.SGD(module.parameters(), 0.001, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(-module(torch.randn(4, 1, 32, 32)), torch.arange(4)).backward()
        sgd.step()
    load_torch_state_dict(network, module.state_dict())
    assert not np.array_equal(network["C3"].weight.value, mc.models.lenet5(rng=0)["C3"].weight.value)


# --------------------------------------------------------------------------------------------- names and refusals


@pytest.mark.parametrize("name", NAMES)
def test_arrays_alone_are_enough_for_the_way_there_and_back(name):
    network, _ = networks()[name]
    assert equal(load_torch_state_dict(blank(name), torch_state_dict(network)), network)


def test_layers_without_names_go_by_their_places():
    state = torch_state_dict(networks()["many"][0])
    assert [key for key in state if key.endswith("weight")] == [
        "0.weight", "1.weight", "3.weight", "7.0.weight", "7.shortcut.weight", "11.weight", "12.0.weight",
    ]  # fmt: skip
    assert state["0.weight"].shape == (4, 2, 3, 3) and state["3.weight"].shape == (4, 2, 2, 2)


def test_names_say_what_the_module_calls_a_layer_in_both_directions():
    network, other = mc.models.lenet5(rng=0), mc.models.lenet5(rng=1)
    names = {"C1": "features.0", "F6": "classifier"}
    state = torch_state_dict(network, names)
    assert {"features.0.weight", "classifier.bias", "C3.weight"} <= state.keys() and "C1.weight" not in state
    assert equal(load_torch_state_dict(other, state, names), network)
    with pytest.raises(ValueError, match=r"^names: no layer is called 'C2'; there are C1, C1 squash, C3, "):
        torch_state_dict(network, {"C2": "conv"})


def test_what_is_returned_is_a_copy():
    network = mc.models.lenet5(rng=0)
    for array in torch_state_dict(network).values():
        array[...] = 0
    assert equal(network, mc.models.lenet5(rng=0)) and network["output"].prototypes.any()


def other(change):
    """LeNet-5's state_dict in PyTorch's form, changed."""
    state = torch_state_dict(mc.models.lenet5(rng=1))
    change(state)
    return state


@pytest.mark.parametrize("change, words", [
    (lambda s: s.update({"F7.weight": np.ones((2, 3))}), r"not in this network: F7\.weight \(2, 3\)\. Make a network"),
    (lambda s: s.pop("F6.bias"), r"missing: F6\.bias \(84,\)\. Make a network of the model's layers"),
    (lambda s: s.update({"F6.bias": np.ones(3)}), r"F6\.bias is \(3,\), this network needs \(84,\)"),
    (lambda s: s.update({"C3.weight": np.ones((60, 5, 5))}), r"C3\.weight is \(60, 5, 5\), .* \(16, 6, 5, 5\)"),
    (lambda s: s["C3.weight"].fill(1), r"C3\.weight that is not 0 where .* as from map 3 to map 0: set those"),
    (lambda s: s["output.prototypes"].fill(1), r"^state_dict holds other output\.prototypes than this .* mc\.RBF"),
    (lambda s: s["C1.bias"].fill(np.nan), r"6 of the 6 numbers of C1\.bias are not finite"),
    (lambda s: s.update({"C1.bias": list("abcdef")}), r"C1\.bias must hold real numbers"),
    (lambda s: s.update({"C1.bias": [[1], [1, 2]]}), r"state_dict\['C1\.bias'\] is no array of numbers"),
    (lambda s: s.update(model={}), r"state_dict\['model'\] is a mapping itself: give that one"),
])  # fmt: skip
def test_another_models_state_is_refused_before_anything_changes(change, words):
    network = mc.models.lenet5(rng=0)
    with pytest.raises(CheckpointError, match=words):
        load_torch_state_dict(network, other(change))
    assert equal(network, mc.models.lenet5(rng=0))


def test_prototypes_and_their_number_type_are_the_networks_own():
    network = mc.models.lenet5(rng=0)
    load_torch_state_dict(network, other(lambda s: s.pop("output.prototypes")))
    assert equal(network, mc.models.lenet5(rng=1))
    load_torch_state_dict(network, {name: array.astype("float64") for name, array in other(lambda s: s).items()})
    assert network.dtype == np.float32


def test_the_names_to_give_are_said_where_only_names_differ():
    network = mc.models.lenet_modern(rng=0)
    state = {f"module.{place}.{kind}": getattr(network[name], kind).value
             for place, name in enumerate(("conv1", "conv2", "linear1", "linear2", "linear3"))
             for kind in ("weight", "bias")}  # fmt: skip
    for given in (state, dict(sorted(state.items()))):
        with pytest.raises(CheckpointError, match="another model's: not in this network: module") as refused:
            load_torch_state_dict(network, given)
        names = eval(re.search(r"give names=(\{.*\})$", str(refused.value))[1])
        assert names == {"conv1": "module.0", "conv2": "module.1", "linear1": "module.2", "linear2": "module.3",
                         "linear3": "module.4"}  # fmt: skip
        assert equal(load_torch_state_dict(mc.models.lenet_modern(rng=1), given, names), network)


@pytest.mark.parametrize("given, words", [
    (3, "got int"), (mc.models.lenet5(rng=0), r"got a module: give its \.state_dict\(\)"),
])  # fmt: skip
def test_what_is_no_mapping_is_refused(given, words):
    with pytest.raises(TypeError, match=f"state_dict must be a mapping from names to tensors or arrays, {words}"):
        load_torch_state_dict(mc.models.lenet5(rng=0), given)


def test_prototypes_of_a_module_that_was_cast_to_half_the_digits_are_the_same_ones():
    def network(prototypes):
        return mc.Sequential([mc.Linear(2, 3, rng=0), mc.RBF(prototypes)])

    own = np.random.default_rng(0).standard_normal((4, 3))
    state = {name: array.astype("float16") for name, array in torch_state_dict(network(own)).items()}
    load_torch_state_dict(network(own), state)
    with pytest.raises(CheckpointError, match="holds other"):
        load_torch_state_dict(network(own + 0.1), state)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"network must be a minicnn\.Sequential, got dict"):
        load_torch_state_dict({}, {})


def test_a_layer_of_ones_own_keeps_its_names():
    class Scale(mc.Layer):
        def __init__(self):
            super().__init__()
            self.factors = [mc.Parameter(np.ones(2)), mc.Parameter(np.zeros(3))]

        def forward(self, x): ...

        def backward(self, dy): ...

    state = torch_state_dict(mc.Sequential({"scale": Scale()}))
    assert {name: array.shape for name, array in state.items()} == {"scale.factors.0": (2,), "scale.factors.1": (3,)}
