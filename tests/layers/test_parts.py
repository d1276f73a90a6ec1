"""What a layer is made of is found where it holds it: names, modes, devices and files follow by themselves."""

import copy

import numpy as np
import pytest

import minicnn as mc
from minicnn.layers.parts import evaluating


class Block(mc.Layer):
    """y = W2 tanh(W1 x) + s x, with a scale and two layers, one of them in a list, a buffer and a generator."""

    buffers = ("seen",)

    def __init__(self):
        super().__init__()
        self.first, self.rest = mc.Linear(3, 3, rng=0), [mc.Tanh(), mc.Linear(3, 3, rng=1)]
        self.scale = mc.Parameter(np.ones(1, "float32"))
        self.seen = np.zeros(2, "float32")
        self.rng = np.random.default_rng(7)

    def forward(self, x):
        self.x = x
        y = self.first.forward(x)
        for layer in self.rest:
            y = layer.forward(y)
        return y + self.scale.value * x

    def backward(self, dy):
        self.scale.grad = np.array([(dy * self.x).sum()])
        dx = self.rest[0].backward(self.rest[1].backward(dy))
        return self.first.backward(dx) + self.scale.value * dy


NAMES = ["scale", "first.weight", "first.bias", "rest.1.weight", "rest.1.bias"]


def test_a_layer_made_of_layers_lists_nothing_and_forgets_nothing():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert [name for name, _ in block.named_buffers()] == ["seen"]
    assert [name for name, _ in block.named_generators()] == ["rng"]
    assert [path for path, _ in block.walk()] == ["", "first", "rest.0", "rest.1"]
    assert mc.gradcheck(block, np.random.default_rng(0).standard_normal((3, 4)))


def test_in_a_network_names_are_paths_and_nothing_is_lost_on_disk(tmp_path):
    net = mc.Sequential([mc.Linear(2, 3, rng=0), mc.Sequential({"a": Block(), "b": Block()})])
    names = ["0.Linear.weight", "0.Linear.bias", *(f"1.Sequential.{block}.{name}" for block in "ab" for name in NAMES)]
    assert [p.name for p in net.parameters()] == names
    assert list(net.state_dict()) == [*names, "1.Sequential.a.seen", "1.Sequential.b.seen"]
    net.vector.values[...] = np.random.default_rng(0).standard_normal(net.vector.values.size)
    net[1]["b"].seen = np.array([3.0, 4.0], "float32")
    net.save(tmp_path / "net.npz")
    other = mc.Sequential([mc.Linear(2, 3), mc.Sequential({"a": Block(), "b": Block()})]).load(tmp_path / "net.npz")
    x = np.random.default_rng(1).standard_normal((2, 5)).astype("float32")
    assert np.array_equal(net.forward(x), other.forward(x)) and other[1]["b"].seen.tolist() == [3, 4]


def test_parameters_of_a_users_own_choice_are_trained_but_all_are_found():
    class Frozen(Block):
        def parameters(self):
            return self.first.parameters()

    frozen = Frozen()
    assert [name for name, _ in frozen.named_parameters()] == NAMES[1:3]
    assert [name for name, _ in frozen.held_parameters()] == NAMES
    assert mc.Sequential([frozen]).vector.values.size == 12
    assert {p.value.dtype.name for _, p in frozen.to(dtype="float64").held_parameters()} == {"float64"}


def test_a_parameter_held_twice_is_one():
    layer = mc.Linear(2, 2)
    layer.all = [layer.weight, layer.bias]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_modes_reach_every_part_and_come_back():
    net = mc.Sequential([Block(), mc.Residual([mc.Dropout()])])
    layers = [layer for _, layer in net.walk()]
    assert len(layers) == 7 and all(layer.training for layer in layers)
    net[1].eval()
    before = [layer.training for layer in layers]
    with evaluating(net) as same:
        assert same is net and not any(layer.training for layer in layers)
    assert [layer.training for layer in layers] == before and before.count(False) == 2
    with pytest.raises(RuntimeError), evaluating(net):
        raise RuntimeError
    assert [layer.training for layer in layers] == before
    assert net.train() is net and all(layer.training for layer in layers)
    with pytest.raises(TypeError, match=r"mode must be True \(training\) or False \(evaluation\), got 'eval'"):
        net.train("eval")


def test_buffers_are_cast_and_moved_but_integers_stay():
    net = mc.Sequential([mc.BatchNorm1d(3)]).to(dtype="float64")
    dtypes = {name: array.dtype.name for name, array in net.named_buffers()}
    assert dtypes == {
        "0.BatchNorm1d.running_mean": "float64", "0.BatchNorm1d.running_var": "float64",
        "0.BatchNorm1d.num_batches_tracked": "int64",
    }  # fmt: skip


def test_a_copy_shares_no_buffer_and_draws_the_same():
    net = mc.Sequential([mc.BatchNorm1d(3), mc.Dropout(rng=0)])
    twin = copy.deepcopy(net)
    x = np.random.default_rng(0).standard_normal((3, 8)).astype("float32")
    assert np.array_equal(net.forward(x), twin.forward(x)) and not np.array_equal(net.forward(x), twin.forward(2 * x))
    assert not np.array_equal(net[0].running_mean, twin[0].running_mean)


def two_of_one_name():
    layer = mc.Linear(2, 2)
    layer.weight.own_name = layer.bias.own_name = "w"
    return layer


def with_a_buffer_like_its_parameter():
    layer = mc.BatchNorm1d(2)
    layer.weight.own_name = "running_mean"
    return layer


def twice_in_two_parts():
    shared = mc.Linear(2, 2)
    return mc.Sequential([mc.Sequential({"a": shared}), mc.Sequential({"b": shared})])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: mc.Sequential([two_of_one_name()]), "0.Linear.weight and 0.Linear.bias are both called '0.Linear.w'"),
        (lambda: mc.Sequential([with_a_buffer_like_its_parameter()]), "are both called '0.BatchNorm1d.running_mean'"),
        (twice_in_two_parts, r"0.Sequential.[ab] and 1.Sequential.[ab] are one layer: make a Linear for each place"),
    ],
    ids=["parameters", "a buffer and a parameter", "a layer"],
)
def test_clashes_are_errors_that_name_both(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_layers_of_one_name_are_refused_and_names_by_place_are_made_anew():
    first, second = mc.Linear(2, 2), mc.Tanh()
    first.name = second.name = "fc"
    with pytest.raises(ValueError, match=r"layers\[0\] and layers\[2\] are both called 'fc'"):
        mc.Sequential([first, mc.ReLU(), second])
    old = mc.Sequential([mc.Tanh(), mc.Linear(2, 2)])
    assert [layer.name for layer in mc.Sequential([old[1], mc.Linear(2, 2)])] == ["0.Linear", "1.Linear"]


def test_buffers_of_another_shape_in_a_file_change_nothing(tmp_path):
    small, large = mc.Sequential([mc.BatchNorm1d(2)]), mc.Sequential([mc.BatchNorm1d(2)])
    small[0].running_var = np.ones(3, "float32")
    small.save(tmp_path / "net.npz")
    large[0].running_mean += 1
    with pytest.raises(mc.errors.CheckpointError, match=r"running_var is \(3,\), this network has \(2,\)"):
        large.load(tmp_path / "net.npz")
    assert large[0].running_mean.tolist() == [1, 1]
