"""scikit-learn's own checks of what an estimator must do, on a classifier that trains for moments only."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from minicnn.sklearn import LeNet5Classifier

EXCEPTIONS = {
    "check_methods_sample_order_invariance": (
        "probabilities must agree to 1e-7 in any order of the samples: the network computes in float32, whose sums "
        "depend on a sample's place in its batch in the seventh digit"
    ),
}


def exceptions(estimator):
    return EXCEPTIONS


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.slow
@parametrize_with_checks([LeNet5Classifier(epochs=6, batch_size=8)], expected_failed_checks=exceptions)
def test_it_is_an_estimator(estimator, check):
    check(estimator)


def test_what_is_excepted_differs_by_float32s_roundings_only():
    """So that the exception hides nothing else."""
    import numpy as np

    rng = np.random.default_rng(0)
    X, order = rng.uniform(size=(40, 12)), rng.permutation(40)
    classifier = LeNet5Classifier(epochs=3, batch_size=8, random_state=0).fit(X, X[:, 0] > 0.5)
    straight, turned = classifier.predict_proba(X)[order], classifier.predict_proba(X[order])
    np.testing.assert_allclose(turned, straight, rtol=1e-4, atol=1e-7)
