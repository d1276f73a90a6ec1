"""What layers refuse, and that they say who, what and why."""

import numpy as np
import pytest
from layer_cases import NAMES, case

import minicnn as mc


def called(layer, name="C3"):
    layer.name = name
    return layer


@pytest.mark.parametrize("name", NAMES)
def test_backward_before_forward(name):
    layer, _, dy = case(name)
    with pytest.raises(RuntimeError, match="backward needs a forward first"):
        layer.backward(dy)


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_that_does_not_fit_y(name):
    layer, x, dy = case(name)
    called(layer)
    layer.forward(x)
    inner = {"Sequential": "6.Sigmoid", "Residual": "1.Tanh", "Residual with a shortcut": "0.Linear"}
    who = inner.get(name, "C3")  # the last of the layers that it is made of refuses it
    with pytest.raises(ValueError, match=rf"{who}: dy must have the shape of y, \({dy.shape[0]}"):
        layer.backward(dy[..., :1])
    with pytest.raises(TypeError, match=f"{who}: dy must be float64 as x was, got float32"):
        layer.backward(dy.astype("float32"))
    with pytest.raises(TypeError, match=f"{who}: dy must be an array, got NoneType"):
        layer.backward(None)


@pytest.mark.parametrize("name", NAMES)
def test_an_input_that_is_no_array_of_reals(name):
    layer, x, _ = case(name)
    called(layer)
    inner = {"Sequential": "0.Conv2d", "Residual": "0.Conv2d", "Residual with a shortcut": "0.Linear"}
    inner |= {"Parallel, added": "0.Linear", "Parallel, concatenated": "wide"}
    who = inner.get(name, "C3")  # the first of the layers that it is made of refuses it
    with pytest.raises(TypeError, match=f"{who}: x must be an array, got list"):
        layer.forward(x.tolist())
    with pytest.raises(TypeError, match=f"{who}: x (is int64|must hold real numbers)"):
        layer.forward(x.astype("int64"))
    with pytest.raises(ValueError, match=f"{who}: x is empty"):
        layer.forward(x[..., :0])
    layer.forward(x)
    with pytest.raises(TypeError, match=f"{who}: x must be an array, got list"):  # also after a call that was right
        layer.forward(x.tolist())


@pytest.mark.parametrize(
    "layer, shape, words",
    [
        (mc.Conv2d(2, 3, 3), (3, 8, 8, 1), r"C3: x must have shape \(2, H, W, N\), got \(3, 8, 8, 1\)"),
        (mc.Conv2d(2, 3, 3), (2, 8, 8), r"C3: x must have shape \(2, H, W, N\), got \(2, 8, 8\)"),
        (mc.Conv2d(2, 3, 3), (2, 2, 8, 1), r"C3: x of shape \(2, 2, 8, 1\) is smaller than the 3x3 kernel"),
        (mc.Conv2d(2, 3, (2, 5), padding=1), (2, 8, 2, 1), "C3: .* is smaller than the 2x5 kernel"),
        (mc.Conv2d(2, 3, 3, dilation=(1, 4)), (2, 8, 8, 1), "C3: .* is smaller than the 3x3 kernel, dilation 1x4"),
        (mc.Conv2d(4, 2, 3, groups=2), (2, 8, 8, 1), r"C3: x must have shape \(4, H, W, N\), got \(2, 8, 8, 1\)"),
        (mc.Subsampling(2), (3, 4, 4, 1), r"C3: x must have shape \(2, H, W, N\)"),
        (mc.Subsampling(2), (2, 4, 5, 1), r"C3: height and width must be multiples of 2, got \(2, 4, 5, 1\)"),
        (mc.MaxPool2d(3), (2, 2, 5, 1), r"C3: x of shape \(2, 2, 5, 1\) is smaller than the window \(3, 3\)"),
        (mc.AvgPool2d((1, 4)), (2, 2, 3, 1), r"C3: .* is smaller than the window \(1, 4\)"),
        (mc.MaxPool2d(3, padding=1, dilation=3), (2, 4, 5, 1), r"C3: .* is smaller than the window \(3, 3\)"),
        (mc.AvgPool2d(3, stride=2, ceil_mode=True), (2, 1, 5, 1), r"C3: .* is smaller than the window \(3, 3\)"),
        (mc.GlobalAvgPool2d(), (4, 4), r"C3: x must have shape \(C, H, W, N\), got \(4, 4\)"),
        (mc.MaxPool2d(2), (4, 4), r"C3: x must have shape \(C, H, W, N\), got \(4, 4\)"),
        (mc.Linear(4, 2), (5, 3), r"C3: x must have shape \(4, N\), got \(5, 3\)"),
        (mc.Linear(4, 2), (4,), r"C3: x must have shape \(4, N\), got \(4,\)"),
        (mc.RBF(np.ones((3, 4))), (5, 2), r"C3: x must have shape \(4, N\), got \(5, 2\)"),
        (mc.Flatten(), (4, 2), r"C3: x must have shape \(C, H, W, N\), got \(4, 2\)"),
    ],
)
def test_an_input_of_another_shape(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        called(layer).forward(np.ones(shape, "float32"))


@pytest.mark.parametrize("layer", [mc.Conv2d(2, 3, 3), mc.Subsampling(2), mc.Linear(4, 2), mc.RBF(np.ones((3, 4)))])
def test_an_input_of_another_dtype_than_the_parameters(layer):
    x = np.ones((4, 2) if isinstance(layer, (mc.Linear, mc.RBF)) else (2, 4, 4, 1))
    with pytest.raises(TypeError, match=r"C3: x is float64 but the layer is float32: cast x, or layer.to\(dtype=...\)"):
        called(layer).forward(x)


def test_a_network_names_the_layer_that_does_not_fit():
    net = mc.Sequential({"C1": mc.Conv2d(1, 2, 3), "out": mc.Linear(8, 2)})
    with pytest.raises(ValueError, match=r"out: x must have shape \(8, N\), got \(2, 2, 2, 3\)"):
        net.forward(np.ones((1, 4, 4, 3), "float32"))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: mc.Conv2d(0, 3, 3), ValueError, "in_channels must be at least 1, got 0"),
        (lambda: mc.Conv2d(1, -3, 3), ValueError, "out_channels must be at least 1, got -3"),
        (lambda: mc.Conv2d(1, 3, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: mc.Conv2d(1, 3, (3, 3, 3)), ValueError, "kernel_size must be an integer or a pair"),
        (lambda: mc.Conv2d(1, 3, 2.5), TypeError, "kernel_size must be an integer, got 2.5"),
        (lambda: mc.Conv2d(1, 3, 3, stride=0), ValueError, "stride must be at least 1"),
        (lambda: mc.Conv2d(1, 3, 3, padding=-1), ValueError, "padding must be at least 0"),
        (lambda: mc.Conv2d(1, 3, 3, padding="same"), TypeError, "padding must be an integer, got 'same'"),
        (lambda: mc.Conv2d(1, 3, 3, dtype="int32"), TypeError, "dtype must be float32 or float64, got int32"),
        (lambda: mc.Conv2d(1, True, 3), TypeError, "out_channels must be an integer, got True"),
        (lambda: mc.Conv2d(1, 3, 3, dilation=0), ValueError, "dilation must be at least 1, got 0"),
        (lambda: mc.Conv2d(1, 3, 3, dilation=(1, 2, 3)), ValueError, "dilation must be an integer or a pair"),
        (lambda: mc.Conv2d(4, 6, 3, groups=0), ValueError, "groups must be at least 1, got 0"),
        (lambda: mc.Conv2d(4, 6, 3, groups=2.0), TypeError, "groups must be an integer, got 2.0"),
        (lambda: mc.Conv2d(4, 6, 3, groups=3), ValueError, "groups must divide in_channels, 4, got 3"),
        (lambda: mc.Conv2d(4, 6, 3, groups=4), ValueError, "groups must divide out_channels, 6, got 4"),
        (lambda: mc.Conv2d(2, 2, 3, groups=2, connections=[[0], [1]]), ValueError,
         "connections and groups=2 both say which maps are connected: give one of them"),
        (lambda: mc.Subsampling(2, size=0), ValueError, "size must be at least 1"),
        (lambda: mc.Subsampling("2"), TypeError, "channels must be an integer, got '2'"),
        (lambda: mc.MaxPool2d(0), ValueError, "size must be at least 1"),
        (lambda: mc.MaxPool2d(2, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: mc.MaxPool2d((2, 3), padding=(1, 2)), ValueError,
         r"padding must be at most half the window, \(2, 3\), got \(1, 2\)"),
        (lambda: mc.AvgPool2d(3, padding=2), ValueError, r"padding must be at most half the window, .* got \(2, 2\)"),
        (lambda: mc.MaxPool2d(2, dilation=0), ValueError, "dilation must be at least 1, got 0"),
        (lambda: mc.MaxPool2d(2, ceil_mode=1), TypeError, "ceil_mode must be True or False, got 1"),
        (lambda: mc.AvgPool2d(2, count_include_pad=0), TypeError, "count_include_pad must be True or False, got 0"),
        (lambda: mc.LeakyReLU(-0.1), ValueError, "negative_slope must be at least 0 and finite, got -0.1"),
        (lambda: mc.LeakyReLU(float("nan")), ValueError, "negative_slope must be at least 0 and finite, got nan"),
        (lambda: mc.LeakyReLU("0.1"), TypeError, "negative_slope must be a number, got '0.1'"),
        (lambda: mc.AvgPool2d(2, stride=0), ValueError, "stride must be at least 1"),
        (lambda: mc.Linear(0, 3), ValueError, "in_features must be at least 1"),
        (lambda: mc.Linear(3, 3.0), TypeError, "out_features must be an integer, got 3.0"),
        (lambda: mc.Linear(3, 3, dtype="float16"), TypeError, "dtype must be float32 or float64, got float16"),
        (lambda: mc.RBF(np.ones(3)), ValueError, r"prototypes must have shape \(classes, features\), got \(3,\)"),
        (lambda: mc.RBF(np.ones((0, 3))), ValueError, r"prototypes must have shape .* got \(0, 3\)"),
        (lambda: mc.RBF(np.ones((2, 3)), dtype="int32"), TypeError, "dtype must be float32 or float64, got int32"),
        (lambda: mc.Linear(2, 2).to(dtype="int8"), TypeError, "dtype must be float32 or float64, got int8"),
        (lambda: mc.Linear(2, 2).to("tpu"), ValueError, "backend must be one of"),
    ],
)
def test_settings_that_make_no_sense(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    "connections, error, words",
    [
        ([[0]], ValueError, "connections must list 2 output maps, got 1"),
        ([], ValueError, "connections must list 2 output maps, got 0"),
        ([[0], []], ValueError, r"connections\[1\] must name distinct input maps from 0 to 2, got \[\]"),
        ([[0], [1, 1]], ValueError, r"connections\[1\] must name distinct input maps"),
        ([[0], [3]], ValueError, r"connections\[1\] .* from 0 to 2, got \[3\]"),
        ([[-1], [1]], ValueError, r"connections\[0\] must be at least 0, got -1"),
        ([[0], [1.0]], TypeError, r"connections\[1\] must be an integer, got 1.0"),
        ([0, 1], TypeError, "connections must list integers for each output map"),
        (7, TypeError, "connections must list integers for each output map"),
    ],
)
def test_connections_that_make_no_sense(connections, error, words):
    with pytest.raises(error, match=words):
        mc.Conv2d(3, 2, 3, connections=connections)


def test_one_layer_at_two_places():
    squash = mc.Tanh()
    with pytest.raises(ValueError, match=r"layers\[1\] and layers\[3\] are one layer: make a Tanh for each place"):
        mc.Sequential([mc.Linear(2, 2), squash, mc.Linear(2, 2), squash])
