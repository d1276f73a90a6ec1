"""A step of several GPUs: this rank's stretch of the batch, the sum, and the update."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.compiled.graph import GraphSteps
from minicnn.compiled.graph_ranks import RankSteps
from minicnn.ranks import Communicator
from minicnn.training.stepping import training_steps

pytestmark = pytest.mark.slow


class WithItsTwin(Communicator):
    """Rank 0 of 2, whose other rank has the very same samples."""

    rank, size, sums = 0, 2, 0

    def sum(self, array):
        self.sums += 1
        array += array


class WithNothing(Communicator):
    """Rank 1 of 2, whose other rank adds nothing."""

    rank, size = 1, 2


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[0].subset(slice(20))


BATCHES = [np.array(half * 2) for half in ([0, 7, 3], [5, 1, 9], [2, 8])]
"""Two ranks have the same halves; the last batch is short."""
RATES = [0.01, 0.008, 0.005]


def trained(steps_of, net, optimizer, digits, **how):
    with steps_of(net, mc.losses.MAPLoss(), optimizer, digits, 6, **how) as steps:
        results = [(loss, errors) for _, _, loss, errors in steps.epoch(BATCHES, RATES)]
        return results, net.state_dict(), dict(steps.graphs)


def sgd(net):
    return mc.optim.SGD(net.parameters(), 1, momentum=0.9, weight_decay=0.01)


def diagonal(net):
    optimizer = mc.optim.StochasticDiagonalLM(net.parameters(), 1)
    optimizer.use_curvature(net.backend.asarray(np.random.default_rng(3).random(net.vector.values.size) + 0.5))
    return optimizer


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("optimizer", [sgd, diagonal])
def test_two_ranks_train_as_one(device, digits, optimizer, capture):
    one, two = (mc.models.lenet5(rng=0, dtype="float64", backend=device) for _ in range(2))
    expected, weights, _ = trained(GraphSteps, one, optimizer(one), digits)
    twin = WithItsTwin()
    results, state, graphs = trained(RankSteps, two, optimizer(two), digits, communicator=twin, capture=capture)
    assert [*graphs] == ([1] if capture else [])
    assert twin.sums == 5  # one where the kernels are first run, one a step, one of the results
    np.testing.assert_allclose(results, expected, rtol=1e-12)
    for name in weights:
        np.testing.assert_allclose(state[name], weights[name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_a_rank_without_samples_of_a_short_batch_has_no_gradient(device, digits):
    net = mc.models.lenet5(rng=0, backend=device)
    before = net.state_dict()
    with RankSteps(net, mc.losses.MAPLoss(), mc.optim.SGD(net.parameters(), 1), digits, 4, WithNothing()) as steps:
        ((_, _, loss, errors),) = steps.epoch([np.array([5])], [0.1])
    assert (loss, errors) == (0, 0)
    for name, value in before.items():
        np.testing.assert_array_equal(net.state_dict()[name], value, err_msg=name)


def test_each_rank_drops_what_one_process_would(device, digits):
    """What both ranks' samples add to the weights is what all samples add."""
    changes = []
    for rank, steps_of in ((None, GraphSteps), (0, RankSteps), (1, RankSteps)):
        net = mc.models.lenet5(rng=0, dropout=0.3, dtype="float64", backend=device)
        before, how = net.vector.values.copy(), {} if rank is None else {"communicator": WithNothing()}
        if rank is not None:
            how["communicator"].rank = rank
        with steps_of(net, mc.losses.MAPLoss(), mc.optim.SGD(net.parameters(), 1), digits, 5, **how) as steps:
            list(steps.epoch([np.array([7, 3, 0, 2, 9])], [0.01]))
        changes.append(device.to_numpy(net.vector.values - before))
    np.testing.assert_allclose(changes[1] + changes[2], changes[0], rtol=1e-9, atol=1e-13)


def test_training_on_a_gpu_with_other_ranks_goes_this_way(device, digits):
    net = mc.models.lenet5(rng=0, backend=device)
    on = net, mc.losses.MAPLoss(), mc.optim.SGD(net.parameters(), 1), digits, 4, None
    assert type(training_steps(*on, WithItsTwin())) is RankSteps
    assert type(training_steps(*on, Communicator())) is GraphSteps
