"""What every layer promises: who owns which array, which dtype it has, and what backward overwrites."""

import copy

import numpy as np
import pytest
from layer_cases import NAMES, case, every_layer

import minicnn as mc

every = pytest.mark.parametrize("name", NAMES)


def run(layer, x, dy):
    """y, dx and the gradients, as copies."""
    y, dx = layer.forward(x), layer.backward(dy)
    return [np.array(a) for a in (y, dx, *(p.grad for p in layer.parameters()))]


def assert_all_equal(got, expected):
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


@every
def test_no_later_call_overwrites_what_a_call_returned(name):
    layer, x, dy = case(name)
    y, dx = layer.forward(x), layer.backward(dy)
    kept = y.copy(), dx.copy()
    layer.forward(-x)
    layer.backward(2 * dy)
    assert_all_equal((y, dx), kept)


@every
def test_inputs_are_never_written_to(name):
    layer, x, dy = case(name)
    x.flags.writeable = dy.flags.writeable = False  # writing would raise
    run(layer, x, dy)


def every_second(a):
    return np.repeat(a, 2, axis=-1)[..., ::2]


def backwards(a):
    return a[..., ::-1].copy()[..., ::-1]


@every
@pytest.mark.parametrize("view", [np.asfortranarray, every_second, backwards])
def test_inputs_need_not_be_contiguous(name, view):
    layer, x, dy = case(name)
    assert np.array_equal(view(x), x)
    for a, b in zip(run(layer, view(x), view(dy)), run(layer, x, dy)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@every
def test_backward_overwrites_gradients(name):
    layer, x, dy = case(name)
    expected = run(layer, x, dy)
    for p in layer.parameters():
        p.grad = np.full(p.shape, np.nan)
    assert_all_equal(run(layer, x, dy), expected)
    layer.backward(dy)
    assert_all_equal([p.grad for p in layer.parameters()], expected[2:])


@every
def test_one_sample_is_a_batch_and_a_batch_is_its_samples(name):
    layer, x, dy = case(name)
    if layer.whole_batch:
        pytest.skip("its samples depend on each other")
    y, dx, *grads = run(layer, x, dy)
    parts = [run(layer, x[..., i : i + 1], dy[..., i : i + 1]) for i in range(x.shape[-1])]
    np.testing.assert_allclose(np.concatenate([part[0] for part in parts], axis=-1), y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.concatenate([part[1] for part in parts], axis=-1), dx, rtol=1e-12, atol=1e-12)
    for gradients, whole in zip(zip(*(part[2:] for part in parts)), grads):
        np.testing.assert_allclose(sum(gradients), whole, rtol=1e-11, atol=1e-12)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_type_is_the_callers(name, dtype):
    layer, x, dy = case(name, dtype)
    assert {a.dtype for a in run(layer, x, dy)} == {np.dtype(dtype)}
    double, x64, dy64 = case(name)
    for a, b in zip(run(layer, x, dy), run(double, x64, dy64)):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@every
def test_moving_to_another_dtype_and_back(name):
    layer, x, dy = case(name)
    expected = run(layer, x, dy)
    layer.to(dtype="float32")
    single = run(layer, x.astype("float32"), dy.astype("float32"))
    assert {a.dtype for a in single} == {np.dtype("float32")}
    for a, b in zip(single, expected):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert layer.to(dtype="float64") is layer
    assert all((p.grad == 0).all() for p in layer.parameters())
    for a, b in zip(run(layer, x, dy), expected):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@every
def test_a_copy_computes_the_same_and_shares_nothing(name):
    layer, x, dy = case(name)
    twin = copy.deepcopy(layer)
    assert_all_equal(run(twin, x, dy), run(layer, x, dy))
    for mine, its in zip(layer.parameters(), twin.parameters()):
        assert mine.name == its.name and not np.shares_memory(mine.value, its.value)
        assert not np.shares_memory(mine.grad, its.grad)


@every
def test_a_layer_is_callable_and_says_what_it_is(name):
    layer, x, _ = case(name)
    np.testing.assert_array_equal(layer(x), layer.forward(x))
    assert layer.describe() in repr(layer)
    layer.name = "C9"
    assert repr(layer) == f"C9: {layer.describe()}"


@every
def test_equal_seeds_give_equal_weights(name):
    first, again = every_layer()[name][0], every_layer()[name][0]
    assert_all_equal([p.value for p in first.parameters()], [p.value for p in again.parameters()])


def test_a_convolution_with_a_table_has_no_parameter_for_what_is_not_connected():
    layer, _, _ = case("Conv2d with connections")
    dense = layer.dense_weight()
    assert layer.weight.shape == (7, 2, 2) and dense.shape == (4, 3, 2, 2)
    connected = [(o, c) for o, maps in enumerate([[0, 1], [2], [0, 1, 2], [1]]) for c in maps]
    for (o, c), kernel in zip(connected, layer.weight.value):
        np.testing.assert_array_equal(dense[o, c], kernel)
    assert np.count_nonzero(dense.any(axis=(2, 3))) == len(connected)


def test_a_convolution_without_a_table_shows_its_weights_themselves():
    layer, _, _ = case("Conv2d")
    np.testing.assert_array_equal(layer.dense_weight(), layer.weight.value)


def test_pooling_leaves_out_a_rest_at_the_border():
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    layer = mc.MaxPool2d(2)
    assert layer.forward(x).ravel().tolist() == [6, 8, 16, 18]
    dx = layer.backward(np.ones((1, 2, 2, 1)))
    assert (dx[:, 4] == 0).all() and (dx[:, :, 4] == 0).all() and dx.sum() == 4


def test_the_first_of_tied_pixels_wins():
    layer = mc.MaxPool2d(2)
    layer.forward(np.ones((1, 2, 2, 1)))
    assert layer.backward(np.full((1, 1, 1, 1), 5.0)).ravel().tolist() == [5, 0, 0, 0]


def test_nan_counts_as_largest_in_max_pooling():
    x = np.array([[1.0, 5, np.nan, 7], [2, np.nan, 3, np.nan]]).reshape(1, 2, 4, 1)
    layer = mc.MaxPool2d(2)
    assert np.isnan(layer.forward(x)).all()
    dx = layer.backward(np.array([3.0, 4.0]).reshape(1, 1, 2, 1))
    assert dx.ravel().tolist() == [0, 0, 4, 0, 0, 3, 0, 0]  # the first NaN of each window has won


def test_the_squashing_function_is_the_papers():
    layer = mc.ScaledTanh()
    y = layer.forward(np.array([-1.0, 0, 1, 1e4, -1e4]))
    np.testing.assert_allclose(y, [-1, 0, 1, 1.7159, -1.7159], atol=1e-4)


@pytest.mark.parametrize("layer", [mc.ScaledTanh(), mc.Tanh(), mc.Sigmoid(), mc.ReLU()], ids=repr)
def test_activations_neither_overflow_nor_lose_nan(layer):
    x = np.array([-1e30, -1e4, 0, 1e4, 1e30, np.nan], "float32")
    y = layer.forward(x)
    dx = layer.backward(np.ones_like(x))
    assert np.isfinite(y[:5]).all() and np.isfinite(dx[:5]).all() and np.isnan(y[5])
