"""Networks that answer together."""

import numpy as np
import pytest

import minicnn as mc


@pytest.fixture(scope="module")
def digits():
    return mc.data.load_sample()[1].subset(slice(60))


def small(seed=0, out=10, **how):
    return mc.Sequential([mc.Flatten(), mc.Linear(784, out, rng=seed)], preprocess=mc.data.UNIT, **how)


def test_it_says_the_mean_of_what_its_networks_say(digits):
    networks = [mc.models.lenet5(rng=seed) for seed in range(3)]
    together = mc.Ensemble(networks)
    expected = np.mean([network.outputs(digits.images) for network in networks], axis=0)
    np.testing.assert_allclose(together.outputs(digits.images), expected, rtol=1e-6)
    labels = expected.argmin(axis=0)  # distances: the smallest wins
    np.testing.assert_array_equal(together.predict(digits.images), labels)
    result = mc.training.evaluate(together, digits, mc.losses.RBFLoss())
    assert result.errors == (labels != digits.labels).sum() and np.isfinite(result.loss) and len(together) == 3


def test_networks_whose_mistakes_differ_are_better_together(digits):
    """Two of three outvote the one that is wrong."""
    right = np.eye(10)[digits.labels].T
    networks = [small(seed) for seed in range(3)]
    for index, network in enumerate(networks):
        said = right.copy()
        said[:, index::3] = -right[:, index::3]  # wrong on every third digit
        network.outputs = lambda images, batch_size=None, said=said: said
        assert mc.training.evaluate(network, digits).error_rate == pytest.approx(1 / 3)
    assert mc.training.evaluate(mc.Ensemble(networks), digits).errors == 0


def test_one_network_is_itself(digits):
    network = small()
    np.testing.assert_array_equal(mc.Ensemble([network]).predict(digits.images), network.predict(digits.images))


@pytest.mark.parametrize("networks, error, words", [
    (lambda: [], ValueError, "networks is empty"),
    (lambda: [small(), "lenet5.npz"], TypeError, r"networks\[1\] must be a mc.Sequential, got str"),
    (lambda: [small(), small(1), small(out=7)], ValueError, r"networks\[2\] has .* 7 units.* where .* 10 units"),
    (lambda: [small(), small().to(dtype="float64")], ValueError, r"networks\[1\] .* float64 where .* float32"),
    (lambda: [mc.models.lenet5(rng=0), mc.models.lenet_modern(rng=0)], ValueError, r"networks\[1\] has preprocessing"),
])  # fmt: skip
def test_networks_that_differ_are_refused(networks, error, words):
    with pytest.raises(error, match=words):
        mc.Ensemble(networks())


def test_other_inputs_are_refused():
    nets = [small(), mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=1)], preprocess=mc.data.Pixels(0.0, 2.0))]
    with pytest.raises(ValueError, match=r"networks\[1\] has preprocessing Pixels\(.*ink=2.0"):
        mc.Ensemble(nets)


def test_networks_that_have_run_away_do_not_answer():
    networks = [mc.models.lenet5(rng=seed) for seed in range(2)]
    networks[1].vector.values[...] = np.nan
    with pytest.raises(mc.errors.DivergedError, match="outputs are NaN for 3 of 3 images"):
        mc.Ensemble(networks).predict(mc.data.load_sample()[1].images[:3])
