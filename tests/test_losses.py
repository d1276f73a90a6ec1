"""The criteria: their formulas, their gradients, large outputs, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc
from minicnn.losses import CrossEntropyLoss, MAPLoss, MSELoss, RBFLoss

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)

REDUCTIONS = ("mean", "sum")

LABELLED = {
    "RBF": RBFLoss,
    "MAP": lambda reduction="mean": MAPLoss(reduction=reduction),
    "MAP, j = 2": lambda reduction="mean": MAPLoss(2.0, reduction),
    "cross-entropy": CrossEntropyLoss,
}

every_labelled = pytest.mark.parametrize("name", LABELLED)
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def sample(classes=10, count=6, seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((classes, count)), rng.integers(0, classes, count)


# ------------------------------------------------------------------------------------- values and gradients


@every_labelled
@every_reduction
@few
@given(classes=st.integers(2, 6), count=st.integers(1, 5), scale=st.sampled_from((0.1, 1, 3)), seed=seeds)
def test_gradients_of_labelled_losses(name, reduction, classes, count, scale, seed):
    outputs, labels = sample(classes, count, seed, scale)
    report = mc.gradcheck(LABELLED[name](reduction), outputs, labels=labels, second=True)
    assert report, report


@pytest.mark.parametrize("name", ["MAP", "cross-entropy"])
def test_one_class_is_always_right(name):
    outputs, labels = sample(classes=1)
    assert mc.gradcheck(LABELLED[name](), outputs, labels=labels)["x"].error == 0


@every_reduction
@few
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=seeds)
def test_gradients_of_the_squared_error(reduction, shape, seed):
    rng = np.random.default_rng(seed)
    outputs, targets = rng.standard_normal(shape), rng.standard_normal(shape)
    report = mc.gradcheck(MSELoss(reduction), outputs, targets=targets, second=True)
    assert report, report


@pytest.mark.parametrize("distance", [0.5, 10.0, 25.0])
def test_far_from_other_classes_the_map_criterion_lets_go_of_digits_nearer_than_j(distance):
    y = np.array([[1000.0], [distance], [1000.0]])
    loss = MAPLoss(10.0)
    loss.forward(y, [1])
    assert loss.backward()[:, 0] == pytest.approx([0, 1 / (1 + math.exp(10 - distance)), 0])


def test_the_criteria_by_hand():
    y, labels = np.array([[1.0, 4.0], [2.0, 0.5]]), [0, 1]
    assert RBFLoss().forward(y, labels) == pytest.approx((1 + 0.5) / 2)
    assert RBFLoss("sum").forward(y, labels) == pytest.approx(1 + 0.5)
    e = math.exp
    expected = (1 + math.log(e(-3) + e(-1) + e(-2))) + (0.5 + math.log(e(-3) + e(-4) + e(-0.5)))
    assert MAPLoss(3.0).forward(y, labels) == pytest.approx(expected / 2)
    assert MAPLoss(3.0, "sum").forward(y, labels) == pytest.approx(expected)
    expected = math.log(e(1) + e(2)) - 1 + math.log(e(4) + e(0.5)) - 0.5
    assert CrossEntropyLoss("sum").forward(y, labels) == pytest.approx(expected)
    assert MSELoss().forward(y, np.zeros((2, 2))) == pytest.approx((1 + 16 + 4 + 0.25) / 4)
    assert MSELoss("sum").forward(y, np.zeros((2, 2))) == pytest.approx(1 + 16 + 4 + 0.25)


def test_an_infinite_j_is_softmax_cross_entropy_on_distances():
    y, labels = sample()
    softmax, classes = MAPLoss(), CrossEntropyLoss()
    assert softmax.forward(y, labels) == pytest.approx(classes.forward(-y, labels), rel=1e-14)
    np.testing.assert_allclose(softmax.backward(), -classes.backward(), rtol=1e-12, atol=1e-15)


@every_labelled
@every_reduction
def test_a_batch_is_its_samples(name, reduction):
    """The sum over a batch is that of its parts; the mean is the sum over the number of samples."""
    outputs, labels = sample()
    whole, part = LABELLED[name](reduction), LABELLED[name]("sum")
    share = len(labels) if reduction == "mean" else 1
    value = whole.forward(outputs, labels)
    gradient, second = whole.backward(), whole.second_backward()
    parts = 0
    for columns in (slice(0, 2), slice(2, 6)):
        parts += part.forward(outputs[:, columns], labels[columns])
        np.testing.assert_allclose(part.backward(), share * gradient[:, columns], rtol=1e-13, atol=1e-16)
        np.testing.assert_allclose(part.second_backward(), share * second[:, columns], rtol=1e-13, atol=1e-16)
    assert parts == pytest.approx(share * value, rel=1e-13)


@every_labelled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_has_the_outputs_dtype_and_no_input_changes(name, dtype):
    outputs, labels = sample()
    outputs = outputs.astype(dtype)
    outputs.flags.writeable = labels.flags.writeable = False
    loss = LABELLED[name]()
    assert type(loss.forward(outputs, labels)) is float
    gradient = loss.backward()
    assert gradient.dtype == dtype and gradient.shape == outputs.shape
    kept = gradient.copy()
    loss.forward(-outputs, labels)
    loss.backward()
    np.testing.assert_array_equal(gradient, kept)


def test_the_squared_error_keeps_the_outputs_dtype():
    outputs = np.ones((3, 2), "float32")
    for targets in (np.zeros((3, 2)), np.zeros((3, 2), "int64"), [[0, 0]] * 3):
        loss = MSELoss()
        assert loss.forward(outputs, targets) == 1
        assert loss.backward().dtype == np.float32


@every_labelled
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
def test_labels_of_any_integer_type_or_a_list(name, dtype):
    outputs, labels = sample()
    loss = LABELLED[name]()
    expected = loss.forward(outputs, labels)
    assert loss.forward(outputs, labels.astype(dtype)) == expected == loss.forward(outputs, labels.tolist())


# -------------------------------------------------------------------------------------------- large outputs


@every_labelled
@pytest.mark.parametrize("scale", [1e4, 1e30])
@pytest.mark.parametrize("sign", [1, -1])
def test_large_outputs_in_float32_overflow_nowhere(name, scale, sign):
    outputs = (sign * scale * np.eye(4, 3)).astype("float32")
    loss = LABELLED[name]()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for labels in ([0, 1, 2], [3, 3, 3]):
            value = loss.forward(outputs, labels)
            gradient = loss.backward()
            assert math.isfinite(value) and np.isfinite(gradient).all()
            exact = LABELLED[name]().forward(outputs.astype("float64"), labels)
            assert value == pytest.approx(exact, rel=1e-6, abs=1e-6)


def test_far_from_every_prototype_the_rubbish_class_takes_over():
    outputs = np.full((3, 1), 1e4, "float32")
    loss = MAPLoss(2.0)
    assert loss.forward(outputs, [1]) == pytest.approx(1e4 - 2)
    assert loss.backward().ravel().tolist() == [0, 1, 0]  # the wrong classes are far enough away already


def test_a_certain_and_right_answer_costs_nothing():
    outputs = np.array([[1e4], [0]], "float32")
    for loss, label in ((CrossEntropyLoss(), 0), (MAPLoss(), 1)):
        assert loss.forward(outputs, [label]) == 0
        assert loss.backward().ravel().tolist() == [0, 0]


# -------------------------------------------------------------------------------------------------- refusals


@every_labelled
@pytest.mark.parametrize(
    "outputs, labels, error, words",
    [
        (np.ones((3, 2)), [0, 3], ValueError, r"labels must lie in 0\.\.2, got 3"),
        (np.ones((3, 2)), [-1, 0], ValueError, r"labels must lie in 0\.\.2, got -1"),
        (np.ones((3, 2)), np.array([0, 255], "uint8"), ValueError, r"labels must lie in 0\.\.2, got 255"),
        (np.ones((3, 2)), [0.0, 1.0], TypeError, "labels must be integers, got float64"),
        (np.ones((3, 2)), [True, False], TypeError, "labels must be integers, got bool"),
        (np.ones((3, 2)), [0, 1, 2], ValueError, r"labels must have shape \(2,\) to go with outputs, got \(3,\)"),
        (np.ones((3, 2)), [[0, 1]], ValueError, r"labels must have shape \(2,\) .* got \(1, 2\)"),
        (np.ones((3, 2)), 1, ValueError, r"labels must have shape \(2,\) .* got \(\)"),
        (np.ones(3), [0], ValueError, r"outputs must have shape \(classes, N\), got \(3,\)"),
        (np.ones((3, 1, 2)), [0, 1], ValueError, r"outputs must have shape \(classes, N\), got \(3, 1, 2\)"),
        (np.ones((3, 0)), np.ones(0, int), ValueError, r"outputs is empty, shape \(3, 0\)"),
        (np.ones((0, 2)), [0, 0], ValueError, r"outputs is empty, shape \(0, 2\)"),
        (np.ones((3, 2), int), [0, 1], TypeError, "outputs must hold real numbers .* got int64"),
        ([[1.0], [2.0]], [0], TypeError, "outputs must be an array, got list"),
    ],
)
def test_outputs_and_labels_that_do_not_fit(name, outputs, labels, error, words):
    outputs = outputs if not hasattr(outputs, "dtype") or outputs.dtype != int else outputs.astype("int64")
    with pytest.raises(error, match=words):
        LABELLED[name]().forward(outputs, labels)


@pytest.mark.parametrize(
    "outputs, targets, error, words",
    [
        (np.ones((3, 2)), np.ones((2, 3)), ValueError, r"targets must have the shape .* \(3, 2\), got \(2, 3\)"),
        (np.ones((3, 2)), np.ones(2), ValueError, r"got \(2,\)"),
        (np.ones((3, 0)), np.ones((3, 0)), ValueError, r"outputs is empty, shape \(3, 0\)"),
        ([1.0], [1.0], TypeError, "outputs must be an array, got list"),
    ],
)
def test_targets_that_do_not_fit(outputs, targets, error, words):
    with pytest.raises(error, match=words):
        MSELoss().forward(outputs, targets)


@pytest.mark.parametrize("loss", [RBFLoss(), MAPLoss(), CrossEntropyLoss(), MSELoss()], ids=repr)
def test_backward_before_forward(loss):
    with pytest.raises(RuntimeError, match=f"{type(loss).__name__}: backward needs a forward first"):
        loss.backward()


@pytest.mark.parametrize("j", [0, -1, math.nan])
def test_the_distance_of_the_rubbish_class_is_positive(j):
    with pytest.raises(ValueError, match="j must be positive, got"):
        MAPLoss(j)


@pytest.mark.parametrize("make", [RBFLoss, CrossEntropyLoss, MSELoss, lambda r: MAPLoss(1.0, r)])
def test_an_unknown_reduction(make):
    with pytest.raises(ValueError, match="reduction must be 'mean' or 'sum', got 'median'"):
        make("median")


# --------------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_against_pytorch(reduction):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    y, labels = sample(count=7)
    targets = np.random.default_rng(1).standard_normal(y.shape)
    t_labels, t_targets = torch.from_numpy(labels), torch.from_numpy(targets.T.copy())
    reduce = getattr(torch, reduction)

    def map_loss(y, j):
        exponents = torch.cat([-y, torch.full((len(y), 1), -j, dtype=y.dtype)], dim=1)
        return reduce(y.gather(1, t_labels[:, None])[:, 0] + torch.logsumexp(exponents, dim=1))

    for loss, second, function in (
        (CrossEntropyLoss(reduction), labels, lambda y: F.cross_entropy(y, t_labels, reduction=reduction)),
        (MAPLoss(reduction=reduction), labels, lambda y: F.cross_entropy(-y, t_labels, reduction=reduction)),
        (MAPLoss(1.5, reduction), labels, lambda y: map_loss(y, 1.5)),
        (RBFLoss(reduction), labels, lambda y: reduce(y.gather(1, t_labels[:, None]))),
        (MSELoss(reduction), targets, lambda y: F.mse_loss(y, t_targets, reduction=reduction)),
    ):
        ty = torch.from_numpy(y.T.copy()).requires_grad_()
        value = function(ty)
        value.backward()
        assert loss.forward(y, second) == pytest.approx(value.item(), rel=1e-12), loss
        np.testing.assert_allclose(loss.backward().T, ty.grad.numpy(), rtol=1e-10, atol=1e-14, err_msg=repr(loss))
