"""Branches: what is used twice gets both gradients; gradients themselves are compared in the tests of all layers."""

import numpy as np
import pytest

import minicnn as mc

X = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")


def test_a_residual_block_adds_what_it_was_given():
    linear = mc.Linear(3, 3, rng=0)
    block = mc.Residual([linear])
    assert np.array_equal(block.forward(X), linear.forward(X) + X)
    dx = block.backward(X)
    assert np.array_equal(dx, linear.backward(X) + X)


def test_a_shortcut_brings_x_to_the_other_shape():
    linear, shortcut = mc.Linear(3, 2, rng=0), mc.Linear(3, 2, rng=1)
    block = mc.Residual({"f": linear}, shortcut)
    assert np.array_equal(block.forward(X), linear.forward(X) + shortcut.forward(X))
    assert [name for name, _ in block.named_parameters()] == ["f.weight", "f.bias", "shortcut.weight", "shortcut.bias"]


def test_branches_are_added_or_put_one_after_the_other():
    a, b = mc.Linear(3, 2, rng=0), mc.Linear(3, 2, rng=1)
    added = mc.Parallel([a, b]).forward(X)
    assert np.array_equal(added, a.forward(X) + b.forward(X))
    beside = mc.Parallel([a, b], combine="concatenate").forward(X)
    assert np.array_equal(beside, np.concatenate([a.forward(X), b.forward(X)]))


def test_a_list_in_a_layers_place_is_one_after_the_other():
    net = mc.Parallel({"deep": [mc.Linear(3, 5, rng=0), mc.Tanh(), mc.Linear(5, 2, rng=1)], "flat": mc.Linear(3, 2)})
    assert [name for name, _ in net.named_parameters()] == [
        "deep.0.Linear.weight", "deep.0.Linear.bias", "deep.2.Linear.weight", "deep.2.Linear.bias",
        "flat.weight", "flat.bias",
    ]  # fmt: skip
    assert net.forward(X).shape == (2, 4)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: mc.Residual([mc.Linear(3, 2)]), r"must have the shape of x to be added to it, \(3, 4\), got \(2, 4\)"),
        (lambda: mc.Residual([mc.Linear(3, 2)], mc.Linear(3, 3)), r"shape of the shortcut's output .*\(3, 4\), got"),
        (lambda: mc.Parallel([mc.Linear(3, 2), mc.Tanh()]), r"can be added up, got 0.Linear \(2, 4\), 1.Tanh \(3, 4\)"),
    ],
)
def test_shapes_that_do_not_fit_together(make, words):
    with pytest.raises(ValueError, match=words):
        make().forward(X)


def test_maps_of_other_sizes_cannot_be_concatenated():
    branches = mc.Parallel([mc.Conv2d(1, 2, 3), mc.Tanh()], "concatenate")
    with pytest.raises(ValueError, match=r"concatenated along the first axis, got 0.Conv2d \(2, 2, 2, 1\), 1.Tanh"):
        branches.forward(np.ones((1, 4, 4, 1), "float32"))


SHARED = mc.Linear(3, 3)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: mc.Residual([]), ValueError, "layers is empty"),
        (lambda: mc.Parallel([]), ValueError, "branches is empty"),
        (lambda: mc.Parallel([mc.Tanh(), 3]), TypeError, r"branches\[1\] must be a Layer, got int"),
        (lambda: mc.Residual([mc.Tanh()], 3), TypeError, "shortcut must be a Layer or None, got int"),
        (lambda: mc.Parallel([mc.Tanh()], "multiply"), ValueError, "combine must be 'add' or 'concatenate'"),
        (lambda: mc.Residual([SHARED], SHARED), ValueError, "0.Linear and shortcut are one layer"),
        (lambda: mc.Parallel([[SHARED], SHARED]), ValueError, "are one layer: make a Linear for each place"),
        (lambda: mc.Residual({"shortcut": mc.Linear(3, 3)}, mc.Linear(3, 3)).named_parameters(), ValueError,
         "are both called 'shortcut.weight'"),
    ],
)  # fmt: skip
def test_blocks_that_make_no_sense(make, error, words):
    with pytest.raises(error, match=words):
        make()
