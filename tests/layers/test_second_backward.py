"""Second derivatives: each layer against J² from finite differences, and whole networks where that is exact."""

import numpy as np
import pytest
from layer_cases import NAMES, case, scattered

import minicnn as mc

HOW = {"dtype": "float64", "rng": 1}
LAYERS = [
    (mc.Linear(4, 3, **HOW), (4, 5)),
    (mc.Linear(4, 3, bias=False, **HOW), (4, 1)),
    (mc.Conv2d(3, 2, 3, **HOW), (3, 6, 5, 2)),
    (mc.Conv2d(3, 2, (3, 2), padding=(1, 2), stride=(2, 1), **HOW), (3, 6, 5, 2)),
    (mc.Conv2d(2, 3, 4, bias=False, **HOW), (2, 4, 4, 3)),
    (mc.Conv2d(3, 2, (2, 3), connections=[[0, 2], [1]], **HOW), (3, 6, 5, 2)),
    (mc.Conv2d(2, 3, 2, dilation=(1, 2), padding=1, **HOW), (2, 4, 5, 2)),
    (mc.Conv2d(4, 2, 2, groups=2, **HOW), (4, 3, 4, 2)),
    (mc.Subsampling(2, **HOW), (2, 4, 6, 2)),
    (mc.MaxPool2d(2), (2, 4, 6, 2)),
    (mc.MaxPool2d(3, stride=3), (2, 7, 6, 1)),
    (mc.MaxPool2d(3, padding=1, dilation=2, ceil_mode=True), (2, 5, 6, 2)),
    (mc.AvgPool2d(2), (2, 4, 6, 2)),
    (mc.AvgPool2d(3, stride=2, padding=1), (2, 4, 6, 2)),
    (mc.AvgPool2d(2, stride=3, padding=1, ceil_mode=True, count_include_pad=False), (2, 4, 6, 2)),
    (mc.GlobalAvgPool2d(), (2, 4, 3, 2)),
    (mc.AvgPool2d((3, 2), stride=1), (2, 4, 6, 2)),
    (mc.ScaledTanh(), (3, 4)),
    (mc.Tanh(), (3, 4)),
    (mc.Sigmoid(), (3, 4)),
    (mc.ReLU(), (3, 4)),
    (mc.LeakyReLU(0.3), (3, 4)),
    (mc.Flatten(), (2, 4, 6, 2)),
    (scattered(mc.BatchNorm2d(2, eps=0.1, dtype="float64")), (2, 3, 2, 3)),
    (scattered(mc.BatchNorm1d(3, eps=0.1, dtype="float64")).eval(), (3, 5)),
    (mc.BatchNorm1d(3, affine=False, dtype="float64"), (3, 5)),
    (scattered(mc.LayerNorm((3, 2), eps=0.1, dtype="float64")), (3, 2, 4)),
    (mc.Parallel([mc.Linear(4, 3, **HOW), mc.Tanh()], "concatenate"), (4, 1)),
    (mc.RBF(np.random.default_rng(2).standard_normal((3, 4)), dtype="float64"), (4, 5)),
]


def jacobian(f, x, step=1e-6):
    """dy/dx as ``(elements of y, elements of x)``, by central differences."""
    columns = []
    for i in range(x.size):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved.flat[i] += sign * step
            sides.append(f(moved).ravel().copy())
        columns.append((sides[0] - sides[1]) / (2 * step))
    return np.stack(columns, axis=1)


def of_parameter(layer, p, x):
    """y as a function of the parameter's value."""

    def f(value):
        before = p.value.copy()
        p.value = value
        y = layer.forward(x).copy()
        p.value = before
        return y

    return f


@pytest.mark.parametrize("layer, shape", LAYERS, ids=lambda case: repr(case))
def test_the_diagonal_of_the_gauss_newton_matrix(layer, shape):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    y = layer.forward(x)
    d2y = rng.random(y.shape)
    layer.backward(np.zeros_like(y))  # RBF's own bend is a test of its own
    d2x = layer.second_backward(d2y)
    assert d2x.shape == x.shape
    np.testing.assert_allclose(d2x.ravel(), d2y.ravel() @ jacobian(layer.forward, x) ** 2, rtol=1e-6, atol=1e-9)
    curvatures = [p.curvature.copy() for p in layer.parameters()]
    for p, h in zip(layer.parameters(), curvatures):
        assert h.shape == p.shape
        expected = d2y.ravel() @ jacobian(of_parameter(layer, p, x), p.value.copy()) ** 2
        np.testing.assert_allclose(h.ravel(), expected, rtol=1e-6, atol=1e-9, err_msg=p.name)


def second_difference(f, x, step=1e-4):
    """d²f/dx_i² of a function with one value, for every i."""
    h = np.empty(x.size)
    for i in range(x.size):
        up, down = x.copy(), x.copy()
        up.flat[i] += step
        down.flat[i] -= step
        h[i] = (f(up) - 2 * f(x) + f(down)) / step**2
    return h.reshape(x.shape)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("make", [
    mc.losses.RBFLoss, mc.losses.MAPLoss, lambda reduction: mc.losses.MAPLoss(1.5, reduction),
    mc.losses.CrossEntropyLoss, mc.losses.MSELoss,
])  # fmt: skip
def test_criteria_against_second_differences(make, reduction):
    rng = np.random.default_rng(4)
    loss, outputs = make(reduction=reduction), rng.standard_normal((4, 3))
    target = rng.standard_normal((4, 3)) if isinstance(loss, mc.losses.MSELoss) else np.array([0, 3, 1])
    expected = second_difference(lambda y: loss.forward(y, target), outputs)
    loss.forward(outputs, target)
    np.testing.assert_allclose(loss.second_backward(), expected, atol=3e-6)


def test_criteria_need_a_forward_first():
    for loss in (mc.losses.RBFLoss(), mc.losses.MAPLoss(), mc.losses.CrossEntropyLoss(), mc.losses.MSELoss()):
        with pytest.raises(RuntimeError, match="forward first"):
            loss.second_backward()


def test_rbf_outputs_and_equation_8_bend_by_2_everywhere():
    """E = y_D = sum_j (x_j - w_Dj)², so d²E/dx_j² is 2 for every j."""
    rng = np.random.default_rng(5)
    layer, loss = mc.RBF(rng.standard_normal((3, 4)), dtype="float64"), mc.losses.RBFLoss(reduction="sum")
    x, labels = rng.standard_normal((4, 2)), np.array([2, 0])
    loss.forward(layer.forward(x), labels)
    layer.backward(loss.backward())
    np.testing.assert_allclose(layer.second_backward(loss.second_backward()), 2)


def test_a_network_with_one_output_is_exact():
    """With one unit in each wide layer's future, the diagonal of J^T H J is what the recursion yields."""
    rng = np.random.default_rng(6)
    net = mc.Sequential([mc.Linear(3, 4, **HOW), mc.ScaledTanh(), mc.Linear(4, 1, **HOW), mc.Tanh()])
    loss = mc.losses.MSELoss(reduction="sum")
    x, target = rng.standard_normal((3, 5)), rng.standard_normal((1, 5))
    loss.forward(net.forward(x), target)
    net.backward(loss.backward())
    net.second_backward(loss.second_backward())
    curvatures = [p.curvature.copy() for p in net.parameters()]
    for p, h in zip(net.parameters(), curvatures):
        expected = 2 * (jacobian(of_parameter(net, p, x), p.value.copy()) ** 2).sum(axis=0)
        np.testing.assert_allclose(h.ravel(), expected, rtol=1e-6, atol=1e-9, err_msg=p.name)


def test_a_layer_without_one_says_so():
    class Double(mc.Layer):
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    with pytest.raises(TypeError, match="Double has no second_backward"):
        Double().second_backward(np.ones((1, 1)))


@pytest.mark.parametrize("name", NAMES)
def test_what_second_backward_refuses(name):
    layer, x, dy = case(name)
    with pytest.raises(RuntimeError, match="backward needs a forward first"):
        layer.second_backward(dy)
    layer.forward(x)
    layer.backward(dy)
    with pytest.raises(ValueError, match="must have the shape of y"):
        layer.second_backward(dy[..., :1])
    with pytest.raises(TypeError, match="must be an array, got NoneType"):
        layer.second_backward(None)


def test_an_rbf_layer_bends_by_what_came_back():
    layer, x, dy = case("RBF")
    layer.forward(x)
    with pytest.raises(RuntimeError, match="RBF: second_backward needs a backward first"):
        layer.second_backward(dy)
