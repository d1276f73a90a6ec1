"""Arrays that compiled code is given as one vector of addresses and lengths: the right ones, and alive."""

import gc
import weakref

import numpy as np
import pytest
from trainings import digits

import minicnn as mc
from minicnn.compiled import loops
from minicnn.compiled.epoch import Prediction
from minicnn.compiled.steps import Steps
from minicnn.compiled.threads import Team

numba = pytest.importorskip("numba")

KINDS = ["float32", "float64", "uint8", "int32", "int64", "bool"]


@pytest.mark.parametrize("seed", range(3))
def test_compiled_code_finds_every_array_where_it_is_and_as_long_as_it_is(seed):
    rng, addresses = np.random.default_rng(seed), loops.kernels().addresses
    kinds = [(str(dtype), int(rng.integers(1, 5))) for dtype in rng.permutation(KINDS)]
    arrays = [rng.integers(0, 2, rng.integers(0 if ndim == 1 else 1, 5, ndim)).astype(dtype) for dtype, ndim in kinds]
    expected = [a.copy() for a in arrays]
    before = 2  # some numbers that belong to others
    taken = addresses.arrays_at(before, kinds)
    numbers = np.concatenate([np.zeros(before, np.int64), addresses.addresses(arrays)])

    there = numba.njit(lambda numbers: taken(numbers))(numbers)

    for a, b, c in zip(there, arrays, expected):
        assert a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides and np.array_equal(a, c)
        a[...] = 1
        assert np.all(b == 1)


def test_an_array_that_is_not_contiguous_is_refused():
    a = np.zeros((4, 3), np.float32)
    with pytest.raises(ValueError, match=r"C-contiguous, got one of shape \(3, 4\) and strides \(4, 12\)"):
        loops.kernels().addresses.addresses([a, a.T])


def test_an_array_with_bytes_in_the_other_order_is_refused():
    a = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match=r"byte order, got [<>]f4"):
        loops.kernels().addresses.addresses([a, a.astype(a.dtype.newbyteorder())])


@pytest.fixture
def made(monkeypatch):
    """Weak references to the arrays of all Calls that are made."""
    arrays, start = [], loops.Call.__init__

    def noted(self, *arguments):
        start(self, *arguments)
        if self.maker[0] != "sgd.sgd":  # an epoch's update is given its arrays themselves
            arrays.extend(map(weakref.ref, self.arrays))

    monkeypatch.setattr(loops.Call, "__init__", noted)
    return arrays


def alive(made):
    gc.collect()
    return [array() is not None for array in made]


def test_arrays_live_as_long_as_the_compiled_code_that_has_their_addresses(made, monkeypatch):
    monkeypatch.setattr(loops, "compiled", lambda function, arguments: function)  # nothing is run
    net, data = mc.models.lenet5(rng=0), digits()
    optimizer = mc.optim.SGD(net.parameters(), 0.1)
    with Team() as team, Steps(net, mc.losses.MAPLoss(), optimizer, data, 32, threads=2):
        assert made and all(alive(made))
        made.clear()
        prediction = Prediction(net, data.images, 16, team, 2)
        assert made and all(alive(made))
        del prediction
        own = [array for array in made if array() is not data.labels]
        assert not all(alive(own))


def test_a_sequence_keeps_its_arrays(made):
    x, y = np.ones(8, np.float32), np.zeros(8, np.float32)
    squash = ("squash.scaled_tanh", "float32", (1.0, 1.0))
    run = loops.sequence([loops.Call(*squash, x.copy(), y), loops.Call(*squash, y.copy(), x)])
    assert all(alive(made))
    run()
    np.testing.assert_allclose(y, np.tanh(np.ones(8)), rtol=1e-6)
    np.testing.assert_allclose(x, 0)
    del run
    assert alive(made) == [False, True, False, True]
