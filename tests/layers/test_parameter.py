"""Parameters, and the one vector that holds all of a network's."""

import copy
import pickle

import numpy as np
import pytest

import minicnn as mc
from minicnn.layers import ParameterVector
from minicnn.layers.parameter import stretches


def parameters():
    return [mc.Parameter(np.arange(6.0).reshape(2, 3), "w"), mc.Parameter(np.array([10.0, 20.0]), "b")]


def test_a_parameter_owns_a_copy_of_its_value_and_a_gradient_of_zero():
    value = np.array([1.0, np.inf])
    p = mc.Parameter(value)
    value[0] = 7
    assert p.value.tolist() == [1, np.inf] and p.grad.tolist() == [0, 0] and p.curvature is None


def test_assignment_copies_whatever_the_memory_order():
    p, _ = parameters()
    p.grad = np.asfortranarray(2 * p.value)
    p.curvature = p.value.T.copy().T
    for array in (p.grad, p.curvature):
        assert array.flags.c_contiguous and array is not p.value
    assert np.array_equal(p.grad, 2 * p.value) and np.array_equal(p.curvature, p.value)
    p.grad += 1
    assert np.array_equal(p.grad, 2 * p.value + 1)


def test_another_shape_is_refused_by_name():
    p, _ = parameters()
    for what in ("value", "grad", "curvature"):
        with pytest.raises(ValueError, match=rf"w\.{what} has shape \(2, 3\), got an array of \(3,\)"):
            setattr(p, what, np.ones(3))


def test_a_vector_holds_values_and_gradients_side_by_side_in_c_order():
    w, b = parameters()
    w.grad = np.ones((2, 3))
    vector = ParameterVector([w, b], np)
    assert vector.values.tolist() == [0, 1, 2, 3, 4, 5, 10, 20] and vector.grads.tolist() == [1] * 6 + [0, 0]
    vector.values[4], b.grad = 40, [3, 4]
    assert w.value[1, 1] == 40 and vector.grads[6:].tolist() == [3, 4]
    assert w.vector is b.vector is vector


def test_stretches_are_one_for_a_whole_network_else_one_a_parameter():
    w, b = parameters()
    alone = stretches([w, b])
    assert [values.shape for values, _ in alone] == [(6,), (2,)]
    alone[0][0][0] = -1
    assert w.value[0, 0] == -1
    vector = ParameterVector([w, b], np)
    ((values, grads),) = stretches([w, b])
    assert values is vector.values and grads is vector.grads
    ((values, _),) = stretches([b])
    assert values.shape == (2,) and np.shares_memory(values, vector.values)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_is_no_part_of_the_vector(duplicate):
    w, b = parameters()
    ParameterVector([w, b], np)
    twin = duplicate(w)
    twin.value = np.zeros((2, 3))
    assert twin.vector is None and twin.name == "w" and w.value[1, 2] == 5


def test_vectors_that_cannot_be():
    w, _ = parameters()
    with pytest.raises(ValueError, match="nothing to train"):
        ParameterVector([], np)
    with pytest.raises(ValueError, match="occurs twice"):
        ParameterVector([w, w], np)
    with pytest.raises(TypeError, match="mix dtypes"):
        ParameterVector([w, mc.Parameter(np.ones(2, "float32"))], np)
