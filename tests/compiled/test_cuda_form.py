"""What the form for a GPU does beside its kernels: sums of gradients left to the end, sizes, and what it refuses."""

import cuda_cases
import numpy as np
import primitive_cases as table
import pytest
from primitive_cases import SQUASH, Draw

from minicnn.backend import kernels
from minicnn.compiled import cuda
from minicnn.compiled.cuda import CudaForm, slices
from minicnn.compiled.primitives import Connections, Window


def arrays(device, *shapes, dtype="float32"):
    draw = Draw(0, dtype)
    return [device.asarray(draw(*shape)) for shape in shapes]


# ------------------------------------------------------------------------------------ sums over a part of a batch


def test_all_gradients_are_set_by_one_kernel(device):
    """Sums that are left to the end are those that each primitive adds by itself."""
    gradient, (d, x, dx) = arrays(device, (100,))[0], arrays(device, (3, 4, 4, 40), (2, 8, 8, 40), (2, 8, 8, 40))
    flat, units = arrays(device, (7, 40), (5, 40))
    coefficient = device.asarray(np.ones(2, "float32"))
    kernel = Window((2, 2), (2, 2)), Connections(3, 2, ((0, 1), (1, 0), (2, 0), (2, 1)))
    (pooled,) = arrays(device, (2, 4, 4, 40))

    def prepare(form, g):
        """g: a vector of 100; its last elements belong to no parameter."""
        return [
            form.prepare("convolution_weight_gradient", d, x, *kernel, g[:16].reshape(4, 2, 2), g[16:19]),
            form.prepare("subsampling_backward", pooled, x, coefficient, kernel[0], None, dx, g[19:21], g[21:23]),
            form.prepare("dense_weight_gradient", units, flat, g[23:58].reshape(5, 7), g[58:63]),
            form.prepare("dense_weight_gradient", units[:2], flat, g[63:77].reshape(2, 7), None),
        ]

    expected = device.asarray(np.zeros(100, "float32"))
    for launch in prepare(CudaForm(device, "float32"), expected):
        launch()
    before = device.to_numpy(gradient)
    form = CudaForm(device, "float32", gradient)
    launches = [*prepare(form, gradient), form.gradient_sums()]
    del device.xp.launched[:]
    for launch in launches:
        launch()
    weights, sums = "weight_gradient", "gradient_sum"
    assert device.xp.launched == [weights, "subsampling_backward", weights, weights, sums]
    got = device.to_numpy(gradient)
    np.testing.assert_allclose(got[:77], device.to_numpy(expected)[:77], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[77:], before[77:])


def test_a_gradient_of_somewhere_else_is_refused(device):
    gradient, other, d, x = arrays(device, (10,), (2, 3), (2, 4), (3, 4))
    form = CudaForm(device, "float32", gradient)
    form.prepare("dense_weight_gradient", d, x, other, None)
    with pytest.raises(ValueError, match="not part of the gradient"):
        form.gradient_sums()


# ------------------------------------------------------------------------------------------------- sizes


def test_every_number_of_slices_gives_the_product(device, monkeypatch):
    assert {slices(6, 25, 50176), slices(16, 150, 6400), slices(120, 400, 64)} == {1, 4, 8}
    case = "dense: depth beyond shared memory"
    expected = cuda_cases.expected(case, "float32")
    for count in (1, 2, 4, 8):
        monkeypatch.setattr(cuda, "slices", lambda *sizes, n=count: n)
        cuda_cases.assert_agrees(cuda_cases.computed(device, case, "float32"), expected, case, "float32")


@pytest.mark.slow
def test_rows_beyond_the_largest_grid(device, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_BLOCKS_DOWN", 1)
    for case in ("max_pool: overlapping", "max_pool_backward: overlapping", "avg_pool: overlapping",
                 "avg_pool_backward: overlapping", "subsampling: 6 maps of 14x5, 16 samples",
                 "squared_distances_backward: 84 features, 10 classes, 16 samples", "gather: 5 of 16",
                 "activation: ('relu',) (2, 3, 4, 5)"):  # fmt: skip
        expected = cuda_cases.expected(case, "float64")
        cuda_cases.assert_agrees(cuda_cases.computed(device, case, "float64"), expected, case, "float64")


def criterion(device, arguments):
    """(gradient, loss) of [the criterion's name, *its arguments]."""
    given = [device.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments[1:]]
    CudaForm(device, "float64").prepare(arguments[0], *given)()
    return device.to_numpy(given[-2]), device.to_numpy(given[-1])[0]


@pytest.mark.slow
@pytest.mark.parametrize("j", [None, 2.0, float("inf")])
def test_large_outputs_do_not_overflow(device, j):
    rbf = table._rbf_criterion(84, 10, 33, SQUASH, j, 1)(Draw(0, "float64"))
    logits = table._cross_entropy(10, 33, 1)(Draw(0, "float64"))
    for name, arguments in (("rbf_criterion", rbf), ("cross_entropy", logits)):
        arguments[0] *= 1e3
        d, loss = criterion(device, [name, *arguments])
        assert np.isfinite(d).all() and np.isfinite(loss)


def test_nan_spreads_to_the_loss(device):
    for name, make in (("rbf_criterion", table._rbf_criterion(4, 3, 2, None, 2.0, 0)),
                       ("cross_entropy", table._cross_entropy(3, 2, 0))):  # fmt: skip
        arguments = make(Draw(0, "float64"))
        arguments[0][:, 1] = np.nan
        assert np.isnan(criterion(device, [name, *arguments])[1])


# ------------------------------------------------------------------------------------------------ refusals


def test_what_a_kernel_cannot_take_is_refused_by_name(device):
    x, y, w = arrays(device, (3, 4), (2, 4), (2, 3))
    form = CudaForm(device, "float32")
    with pytest.raises(TypeError, match="weights must be float32, got float64"):
        form.prepare("dense", x, w.astype("float64"), None, None, y)
    with pytest.raises(TypeError, match="y must be a CuPy array"):
        form.prepare("dense", x, w, None, None, np.ones((2, 4), "float32"))
    with pytest.raises(ValueError, match="y must be C-contiguous"):
        form.prepare("dense", x, w, None, None, y.T)
    with pytest.raises(TypeError, match="labels must be int32, got int64"):
        form.prepare("cross_entropy", y, device.asarray(np.zeros(4, "int64")), w[0, :1], y * 1, None)
    with pytest.raises(TypeError, match="compute in float32 or float64, got float16"):
        CudaForm(device, "float16").prepare("dense", x, w, None, None, y)


def test_launches_that_cuda_has_no_room_for_are_refused(device, monkeypatch):
    how = device.xp, "rbf.cu", "rbf_criterion", "float64", (1,), (32, 8), ()
    with pytest.raises(ValueError, match=r"rbf_criterion: a block needs 48,641 bytes of shared .* has 48,640 left"):
        kernels.bind(*how, shared=48_641)  # the kernel itself has 32 losses and 32 counts of errors, float64
    x, y, w = arrays(device, (4, 2), (33, 2), (33, 4))
    form = CudaForm(device, "float32")
    monkeypatch.setattr(kernels, "MAX_BLOCKS_DOWN", 3)
    with pytest.raises(ValueError, match=r"dense: a grid of \(1, 5\) blocks is too large for CUDA; take a smaller"):
        form.prepare("dense", x, w, None, None, y)
    monkeypatch.setattr(kernels, "MAX_AXIS", 8)
    with pytest.raises(ValueError, match="dense: 33 rows of 2 elements are too large"):
        form.prepare("dense", x, w, None, None, y)
