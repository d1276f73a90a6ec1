"""The published facts about LeNet-5, and networks as containers."""

import copy
import pickle

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.initialisers import inverse_root_fan_in, uniform_fan_in, unit_variance, zeros
from minicnn.models.lenet5 import INPUT_SHAPE, TABLE_I
from minicnn.models.prototypes import MOST_CODES, characters, codes, digit_prototypes, prototypes
from minicnn.serialization import save_npz

TABLE = {  # layer: input, output (C, H, W), parameters, connections; the paper's section II.B
    "C1": ((1, 32, 32), (6, 28, 28), 156, 122304),
    "S2": ((6, 28, 28), (6, 14, 14), 12, 5880),
    "C3": ((6, 14, 14), (16, 10, 10), 1516, 151600),
    "S4": ((16, 10, 10), (16, 5, 5), 32, 2000),
    "C5": ((16, 5, 5), (120, 1, 1), 48120, 48120),
    "F6": ((120,), (84,), 10164, 10164),
    "output": ((84,), (10,), 0, 840),
}


def test_lenet5_has_the_published_shapes_and_counts():
    net = mc.models.lenet5(rng=0)
    for line in net.counts(INPUT_SHAPE):
        counted = line["input"], line["output"], line["parameters"], line["connections"]
        assert counted == TABLE[line["name"]], line["name"]
    assert net.vector.values.size == 60_000 == sum(p.size for p in net.parameters())
    assert sum(len(maps) for maps in TABLE_I) == 60


def test_dropout_is_behind_s2_and_s4_and_changes_nothing_but_training(tmp_path):
    plain, sober = mc.models.lenet5(rng=0), mc.models.lenet5(rng=1, dropout=0.0)
    assert [layer.name for layer in sober] == [layer.name for layer in plain]
    net = mc.models.lenet5(rng=0, dropout=0.4)
    names = [layer.name for layer in net]
    for name in ("S2", "S4"):
        names.remove(f"{name} dropout")
        assert net[f"{name} dropout"].p == 0.4
    assert names == [layer.name for layer in plain]
    np.testing.assert_array_equal(net.vector.values, plain.vector.values)
    images = mc.data.load_sample()[1].images[:3]
    x = net.preprocess(images)
    assert (net.train().forward(x) != plain.forward(x)).any()
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(sober.load(tmp_path / "net.npz").outputs(images), net.eval().outputs(images))


@pytest.mark.parametrize("dropout", [1, -0.1, float("nan")])
def test_a_dropout_that_makes_no_sense(dropout):
    with pytest.raises(ValueError, match=f"dropout must be at least 0 and below 1, got {dropout}"):
        mc.models.lenet5(dropout=dropout)


def test_modern_lenet_has_its_counts():
    assert mc.models.lenet_modern(rng=0).vector.values.size == 61_610


def test_prototypes_are_ten_different_drawings():
    prototypes = digit_prototypes()
    assert prototypes.shape == (10, 84) and set(np.unique(prototypes)) == {-1.0, 1.0}
    assert len(np.unique(prototypes, axis=0)) == 10
    one = prototypes[1].reshape(12, 7)
    assert (one[9] == [-1, 1, 1, 1, 1, 1, 1]).all() and (one[10:] == -1).all()


def distances(drawings):
    """In how many places each two differ; with itself in as many as there are."""
    drawings = np.asarray(drawings)
    return (drawings[:, None] != drawings[None]).sum(axis=2) + drawings.shape[1] * np.eye(len(drawings), dtype=int)


def test_every_printable_character_has_a_drawing_of_its_own():
    drawn = characters()
    assert set(drawn) == {chr(code) for code in range(33, 127)}
    assert all(drawing.shape == (84,) and set(drawing) == {-1.0, 1.0} for drawing in drawn.values())
    assert distances(list(drawn.values())).min() == 4


def test_characters_stand_on_one_line_and_the_digits_are_the_papers():
    for capital in "ABCDEFGHIJKLMNOPRSTUVWXYZ":
        rows = np.flatnonzero((characters()[capital].reshape(12, 7) > 0).any(axis=1))
        assert (rows[0], rows[-1]) == (0, 9), capital
    assert np.array_equal(digit_prototypes(), [characters()[digit] for digit in "0123456789"])


def test_codes_differ_in_half_of_their_places():
    every = codes(MOST_CODES)
    assert MOST_CODES == 168 and every.shape == (168, 84) and set(np.unique(every)) == {-1.0, 1.0}
    assert distances(every).min() == 42
    assert np.array_equal(every[:84] @ every[:84].T, 84 * np.eye(84)), "a Hadamard matrix"
    assert np.array_equal(codes(26), every[:26])
    with pytest.raises(ValueError, match="classes must be at most 168 unless all are characters, got 169"):
        codes(169)


@pytest.mark.parametrize("classes, drawn", [
    ("ABCxyz", True), (["b", "$"], True), (3, True), (11, False), (["shirt", "bag"], False), (["a", "bag"], False),
])  # fmt: skip
def test_classes_are_drawn_if_all_are_characters(classes, drawn):
    net = mc.models.lenet5(classes, rng=0)
    names = net.classes
    assert np.array_equal(net["output"].prototypes, prototypes(names))
    expected = [characters()[name] for name in names] if drawn else codes(len(names))
    assert np.array_equal(net["output"].prototypes, expected)


def test_lenet5_of_26_classes_has_the_same_weights_and_more_connections():
    net, digits = mc.models.lenet5(26, rng=0), mc.models.lenet5(rng=0)
    assert np.array_equal(net.vector.values, digits.vector.values)
    assert net.counts(INPUT_SHAPE)[-1]["connections"] == 26 * 84
    assert net.forward(np.zeros((1, 32, 32, 2), "float32")).shape == (26, 2)
    assert mc.models.lenet_modern(26, rng=0).forward(np.zeros((1, 28, 28, 2), "float32")).shape == (26, 2)


@pytest.mark.parametrize("classes, error, words", [
    (1, ValueError, "classes must be 2 to 256, got 1: there must be something to tell apart"),
    (0, ValueError, "got 0"), (-3, ValueError, "got -3"), (10**9, ValueError, "got 1000000000"),
    ([], ValueError, "got 0"),
    ("ABA", ValueError, "classes must all be different, got 'A' more than once"),
    (["a", " "], ValueError, "classes must have names that can be read, got ' ' among them"),
    (["a", 1], TypeError, "classes must be names, got 1 among them"),
    (2.5, TypeError, "classes must be a number or a sequence of names, got 2.5"),
    (None, TypeError, "classes must be a number or a sequence of names, got None"),
    (200, ValueError, "classes must be at most 168 unless all are characters, got 200"),
])  # fmt: skip
def test_classes_that_are_none(classes, error, words):
    with pytest.raises(error, match=words):
        mc.models.lenet5(classes)


def test_the_packages_weights_know_the_digits_only():
    with pytest.raises(ValueError, match=r"classes must be left out with .*; got 26 classes, 0, 1, 2, "):
        mc.models.lenet5(26, pretrained=True)


def test_a_saved_network_keeps_the_names_of_its_classes(tmp_path):
    net = mc.models.lenet5("ABCDE", rng=0)
    net.save(tmp_path / "letters.npz")
    assert mc.models.classes_of(tmp_path / "letters.npz") == tuple("ABCDE")
    other = mc.models.lenet5(mc.models.classes_of(tmp_path / "letters.npz"), rng=1).load(tmp_path / "letters.npz")
    assert other.classes == tuple("ABCDE") and np.array_equal(other.vector.values, net.vector.values)
    for others in ("0123456789", "vwxyz"):
        with pytest.raises(CheckpointError, match=r"npz tells 5 classes apart \(A, B, C, D, E\), this network "):
            mc.models.lenet5(others).load(tmp_path / "letters.npz")


def test_a_network_without_names_takes_those_of_the_file(tmp_path):
    layers = [mc.Linear(2, 5, rng=0)]
    mc.Sequential(layers).save(tmp_path / "nameless.npz")
    assert mc.models.classes_of(tmp_path / "nameless.npz") is None
    mc.Sequential(layers, classes="ABCDE").save(tmp_path / "named.npz")
    assert mc.Sequential(layers).load(tmp_path / "named.npz").classes == tuple("ABCDE")
    assert mc.Sequential(layers, classes="ABCDE").load(tmp_path / "nameless.npz").classes == tuple("ABCDE")


@pytest.mark.parametrize("classes", ["AB", ["A", "A"], [1, 2], {"A": "B"}, ["A"], 7])
def test_a_file_whose_classes_are_no_names_is_damaged(tmp_path, classes):
    net = mc.models.lenet5("AB", rng=0)
    save_npz(tmp_path / "n.npz", net.state_dict(), {"kind": "network", "classes": classes})
    with pytest.raises(CheckpointError, match=r"n\.npz is damaged: its classes must "):
        mc.models.lenet5("AB").load(tmp_path / "n.npz")


def test_initial_weights_lie_within_the_published_bound():
    net = mc.models.lenet5(rng=0)
    for name, fan_in in {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}.items():
        for p in net[name].parameters():
            assert np.abs(p.value).max() <= 2.4 / fan_in * (1 + 1e-6), p.name
    c3 = net["C3"]
    for weights, maps in zip(c3.dense_weight(), TABLE_I):
        assert 0 < np.abs(weights).max() <= 2.4 / (25 * len(maps)) * (1 + 1e-6)
        assert set(np.flatnonzero(np.abs(weights).sum(axis=(1, 2)))) == set(maps)


def test_subsampling_that_starts_as_an_average_times_two():
    """1 / sqrt(4) = 0.5 times a sum of four, biases 0; everything else is drawn as ever."""
    net = mc.models.lenet5(rng=0, init=uniform_fan_in, subsampling_init=inverse_root_fan_in)
    for name in ("S2", "S4"):
        assert (net[name].coefficient.value == 0.5).all() and not net[name].bias.value.any()
    for name, fan_in in {"C1": 25, "C5": 400, "F6": 120}.items():
        for p in net[name].parameters():
            assert 0.5 / fan_in**0.5 < np.abs(p.value).max() <= 1 / fan_in**0.5 * (1 + 1e-6), p.name


@pytest.mark.parametrize("init, expected", [(inverse_root_fan_in, 1 / 3), (zeros, 0)])
def test_initialisers_that_draw_nothing(init, expected):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    values = init(rng, (2, 5), 9)
    assert values.shape == (2, 5) and values.dtype == np.float64 and (values == expected).all()
    assert rng.bit_generator.state == before


def test_unit_variance_keeps_the_variance_of_a_sum():
    rng = np.random.default_rng(0)
    weights = unit_variance(rng, (300, 200), 200)
    assert weights.std() == pytest.approx(1 / 200**0.5, rel=0.02) and np.abs(weights).max() <= (3 / 200) ** 0.5
    assert (weights @ rng.standard_normal((200, 500))).var() == pytest.approx(1, rel=0.02)


def test_parameters_are_views_into_one_vector():
    net = mc.models.lenet5(rng=0)
    net.vector.values[...] = np.arange(60_000)
    net.vector.grads[...] = -np.arange(60_000)
    joined = np.concatenate([p.value.ravel() for p in net.parameters()])
    assert np.array_equal(joined, np.arange(60_000))
    assert np.array_equal(np.concatenate([p.grad.ravel() for p in net.parameters()]), -joined)
    for p in net.parameters():
        assert p.value.shape == p.grad.shape == p.shape
        assert np.shares_memory(p.value, net.vector.values) and np.shares_memory(p.grad, net.vector.grads)
    assert [p.name for p in net.parameters()][:2] == ["C1.weight", "C1.bias"]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_whole_and_separate(duplicate):
    net = mc.models.lenet5(rng=0)
    x = np.random.default_rng(0).standard_normal((1, 32, 32, 3)).astype("float32")
    twin = duplicate(net)
    assert np.array_equal(net.forward(x), twin.forward(x))
    twin.vector.values[...] = 0
    assert (twin["C1"].weight.value == 0).all() and (net["C1"].weight.value != 0).any()


def test_a_network_is_a_layer():
    inner = mc.Sequential({"a": mc.Linear(3, 4, rng=0), "f": mc.Tanh()})
    outer = mc.Sequential({"in": inner, "b": mc.Linear(4, 2, rng=1)})
    assert [p.name for p in outer.parameters()] == ["in.a.weight", "in.a.bias", "b.weight", "b.bias"]
    outer.vector.values[...] = 0
    assert (inner["a"].weight.value == 0).all()
    outer.to(dtype="float64")
    assert inner["a"].weight.value.dtype == np.float64 and outer["b"].weight.value.base is outer.vector.values


@pytest.mark.parametrize(
    "layers, error, words",
    [
        ([], ValueError, "layers is empty"),
        ([mc.Tanh(), "tanh"], TypeError, r"layers\[1\] must be a Layer, got str"),
    ],
)
def test_networks_that_are_none(layers, error, words):
    with pytest.raises(error, match=words):
        mc.Sequential(layers)


def test_one_layer_twice_is_refused():
    layer = mc.Linear(3, 3)
    with pytest.raises(ValueError, match=r"layers\[0\] and layers\[1\] are one layer"):
        mc.Sequential([layer, layer])


def test_a_gradient_of_another_shape_is_never_broadcast():
    layer = mc.Linear(3, 2)
    with pytest.raises(ValueError, match=r"bias.grad has shape \(2,\)"):
        layer.bias.grad = np.zeros((2, 1), "float32")
