"""LeNet-5 among scikit-learn's tools: what it learns from, what it says, and that it can be put away and taken out."""

import io
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import minicnn as mc
from minicnn.errors import DivergedError
from minicnn.sklearn import LeNet5Classifier
from minicnn.sklearn.images import images

FAST = {"epochs": 2, "batch_size": 8, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    """(images (n, 28, 28) uint8, labels) of the bundled sample, a few."""
    train, _ = mc.data.load_sample()
    return train.images[:240], train.labels[:240]


@pytest.fixture(scope="module")
def bars():
    """(rows of 4x4 images with a bar, whether it is upright): easy enough to learn in moments."""
    rng = np.random.default_rng(0)
    made, upright = np.zeros((160, 4, 4)), rng.random(160) < 0.5
    for image, up in zip(made, upright):
        place = rng.integers(4)
        image[(slice(None), place) if up else (place, slice(None))] = 1
    return made.reshape(160, 16), upright


def same(classifier, other):
    state, its = classifier.network_.state_dict(), other.network_.state_dict()
    return all(np.array_equal(state[name], its[name]) for name in state)


# ------------------------------------------------------------------------------------------------------ learning


def test_it_learns(bars):
    X, y = bars
    classifier = LeNet5Classifier(epochs=12, batch_size=8, random_state=0).fit(X[:120], y[:120])
    assert classifier.score(X[120:], y[120:]) > 0.9
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 12
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert [record["epoch"] for record in classifier.history_] == list(range(1, 13))


def test_rows_and_images_are_the_same_to_it(digits):
    X, y = digits
    rows, whole = X.reshape(len(X), 784), LeNet5Classifier(**FAST).fit(X, y)
    as_floats, listed = LeNet5Classifier(**FAST).fit(rows / 255, y), LeNet5Classifier(**FAST).fit(list(X), y.tolist())
    assert same(LeNet5Classifier(**FAST).fit(rows, y), whole) and same(as_floats, whole) and same(listed, whole)
    assert whole.n_features_in_ == 784 and whole.image_shape_ == (28, 28) and whole.pixel_range_ == (0, 255)
    assert np.array_equal(whole.predict_proba(X), whole.predict_proba(rows))


def test_it_trains_the_network_that_fit_trains(digits):
    """The same seeds, the same weights: what is here is a form, not another training."""
    X, y = digits
    classifier = LeNet5Classifier(**FAST).fit(X, y)
    recipe, random = classifier._recipe(), np.random.RandomState(0)
    network = mc.models.lenet5(rng=random.randint(2**31 - 1), **recipe.network())
    how = {"epochs": 2, "batch_size": 8, "schedule": recipe.make_schedule(), "seed": random.randint(2**31 - 1)}
    optimizer = recipe.make_optimizer(network.parameters())
    mc.training.fit(network, recipe.make_loss(), optimizer, mc.data.Dataset(X, y), progress=False, **how)
    assert np.array_equal(network.vector.values, classifier.network_.vector.values)
    assert np.array_equal(classifier.predict(X), network.predict(X))


@pytest.mark.parametrize("labels", [[-1, 1], ["no", "yes"], [1.0, 2.0], [False, True], [3, 300], ["", " "]])
def test_labels_are_whatever_they_are(bars, labels):
    X, y = bars
    y = np.array(labels)[y.astype(int)]
    classifier = LeNet5Classifier(epochs=1, batch_size=8, random_state=0).fit(X, y)
    assert np.array_equal(classifier.classes_, np.unique(y)) and classifier.predict(X).dtype == y.dtype
    assert set(classifier.predict(X)) <= set(y) and classifier.predict_proba(X).shape == (160, 2)


def test_more_classes_than_digits(digits):
    X, _ = digits
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[np.arange(len(X)) % 26]
    classifier = LeNet5Classifier(epochs=1, batch_size=8, random_state=0).fit(X, letters)
    assert classifier.predict_proba(X).shape == (240, 26)
    drawn = mc.models.lenet5(classes=[*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"])["output"].prototypes
    assert np.array_equal(classifier.network_["output"].prototypes, drawn)


def test_probabilities_are_the_softmax_of_the_distances_turned_round(bars):
    X, y = bars
    classifier = LeNet5Classifier(**FAST).fit(X, y)
    distances, probabilities = classifier.distances(X).astype("float64"), classifier.predict_proba(X)
    expected = np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
    assert np.array_equal(classifier.predict(X), classifier.classes_[distances.argmin(axis=1)])


def test_probabilities_are_numbers_however_far_the_distances(bars):
    X, y = bars
    classifier = LeNet5Classifier(epochs=1, batch_size=8, random_state=0).fit(X, y)
    classifier.network_["output"].prototypes *= 1e4
    probabilities = classifier.predict_proba(X)
    assert np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1)


def test_random_state_and_threads(bars):
    X, y = bars
    one, again = (LeNet5Classifier(**FAST).fit(X, y) for _ in range(2))
    assert same(one, again) and same(one, LeNet5Classifier(**FAST, n_jobs=-1).fit(X, y))
    assert not same(one, LeNet5Classifier(**{**FAST, "random_state": 1}).fit(X, y))
    state = np.random.RandomState(0)
    first, second = (LeNet5Classifier(**{**FAST, "random_state": state}).fit(X, y) for _ in range(2))
    assert same(first, one) and not same(second, first)


def test_warm_start_goes_on_and_a_cold_one_begins_again(bars):
    X, y = bars
    cold = LeNet5Classifier(**FAST).fit(X, y)
    once = cold.network_.state_dict()
    assert all(np.array_equal(array, once[name]) for name, array in cold.fit(X, y).network_.state_dict().items())
    warm = LeNet5Classifier(**FAST, warm_start=True).fit(X, y)
    assert same(warm, cold) and not same(warm.fit(X, y), cold) and warm.n_iter_ == 4
    assert [record["epoch"] for record in warm.history_] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"warm_start goes on with the classes \[False  True\], y has \[0 1 2\]"):
        warm.fit(X, np.arange(len(X)) % 3)


def test_partial_fit_is_one_pass_from_where_it_is(bars):
    X, y = bars
    classifier = LeNet5Classifier(**FAST).partial_fit(X[:80], y[:80], classes=[False, True])
    first = classifier.network_.state_dict()
    classifier.partial_fit(X[80:], y[80:])
    assert classifier.n_iter_ == 2 and not np.array_equal(classifier.network_.state_dict()["F6.bias"], first["F6.bias"])
    assert classifier.partial_fit(X[:8], np.zeros(8, bool)).n_iter_ == 3  # not every class in every part
    with pytest.raises(ValueError, match="y has the label 2, which is none of the classes"):
        classifier.partial_fit(X, np.full(len(X), 2))
    with pytest.raises(ValueError, match=r"classes must be those of the first call, \[False  True\], got \[1 2\]"):
        classifier.partial_fit(X, y, classes=[1, 2])
    with pytest.raises(ValueError, match="classes must be given in the first call of partial_fit"):
        LeNet5Classifier().partial_fit(X, y)


# ------------------------------------------------------------------------------------------------ rows to images


@pytest.mark.parametrize("features, shape, enlarged", [
    (1, (1, 1), 28), (2, (2, 2), 28), (7, (3, 3), 27), (64, (8, 8), 24), (784, (28, 28), 28), (785, (29, 29), 29),
    (1024, (32, 32), 32),
])  # fmt: skip
def test_any_number_of_features_is_an_image(features, shape, enlarged):
    X = np.random.default_rng(0).random((4, features))
    classifier = LeNet5Classifier(epochs=1, batch_size=4, random_state=0).fit(X, [0, 1, 0, 1])
    assert classifier.image_shape_ == shape
    made = images(X, shape, (0, 1))
    assert made.shape == (4, enlarged, enlarged) and made.dtype == np.uint8
    k = enlarged // shape[0]
    assert np.array_equal(made[:, ::k, ::k].reshape(4, -1)[:, :features], np.rint(255 * X))
    assert not made[:, ::k, ::k].reshape(4, -1)[:, features:].any()
    assert np.array_equal(made, made[:, ::k, ::k].repeat(k, axis=1).repeat(k, axis=2))


def test_images_need_not_be_square(bars):
    X, y = bars
    classifier = LeNet5Classifier(**FAST).fit(X.reshape(160, 2, 8), y)
    assert classifier.image_shape_ == (2, 8)
    assert np.array_equal(classifier.predict_proba(X), classifier.predict_proba(X.reshape(160, 2, 8)))


def test_what_the_range_of_the_pixels_means():
    X = np.array([[-1.0, 0.0, 1.0, 3.0]])
    assert images(X, (2, 2), (0, 1))[0, ::14, ::14].tolist() == [[0, 0], [255, 255]]
    assert images(X, (2, 2), (3, -1))[0, ::14, ::14].tolist() == [[255, 191], [128, 0]]
    assert not images(np.ones((1, 4)), (2, 2), (1, 1)).any()


def test_the_range_is_that_of_fit_or_the_given_one(bars):
    X, y = bars
    assert LeNet5Classifier(**FAST).fit(3 * X - 1, y).pixel_range_ == (-1, 2)
    assert LeNet5Classifier(**FAST, pixel_range=(0, 4)).fit(X, y).pixel_range_ == (0, 4)


# --------------------------------------------------------------------------------------------------- put away


def test_a_pickle_holds_named_arrays_and_goes_on_learning(bars):
    X, y = bars
    classifier = LeNet5Classifier(**FAST).fit(X, y)
    contents = pickle.dumps(classifier)
    modules = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            modules.add(module.partition(".")[0] + (".sklearn" if module.startswith("minicnn.sklearn") else ""))
            return super().find_class(module, name)

    other = Unpickler(io.BytesIO(contents)).load()
    assert modules <= {"minicnn.sklearn", "numpy", "builtins", "copyreg"}  # no layer, so that layers may change
    assert np.array_equal(other.predict_proba(X), classifier.predict_proba(X)) and same(other, classifier)
    assert same(other.partial_fit(X, y), classifier.partial_fit(X, y)) and other.n_iter_ == 3


def test_settings_that_have_changed_since_make_another_optimizer_but_no_other_pickle(bars):
    X, y = bars
    classifier = LeNet5Classifier(**FAST).fit(X, y)
    before = classifier.predict_proba(X)
    classifier.set_params(recipe="paper", lr=1e-4)
    other = pickle.loads(pickle.dumps(classifier))
    assert np.array_equal(other.predict_proba(X), before)
    with pytest.raises(ValueError, match="curvature_samples must be at most the 160 samples"):
        other.partial_fit(X, y)
    many = np.tile(X, (4, 1)), np.tile(y, 4)
    assert other.partial_fit(*many).n_iter_ == 3 and not np.array_equal(other.predict_proba(X), before)


def test_an_estimator_that_has_learned_nothing_can_be_pickled_too():
    assert pickle.loads(pickle.dumps(LeNet5Classifier(lr=0.1))).get_params()["lr"] == 0.1


def test_clone_and_parameters():
    classifier = LeNet5Classifier(recipe="long", epochs=3, n_jobs=2)
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(lr=0.01).lr == 0.01
    assert repr(LeNet5Classifier(epochs=3)) == "LeNet5Classifier(epochs=3)"


def test_pipelines_and_searches(bars):
    X, y = bars
    pipeline = make_pipeline(MinMaxScaler(), LeNet5Classifier(epochs=8, batch_size=8, random_state=0))
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.7
    search = GridSearchCV(LeNet5Classifier(**FAST), {"epochs": [1, 12]}, cv=2).fit(X, y)
    assert search.best_params_ == {"epochs": 12} and search.best_estimator_.n_iter_ == 12


# ---------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("how, words", [
    ({"recipe": "none"}, "recipe must be one of default, .*, got 'none'"),
    ({"epochs": 0}, "epochs must be positive and finite, got 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"lr": -1}, "lr must be positive and finite, got -1"),
    ({"pixel_range": (0, 1, 2)}, r"pixel_range must be \(background, ink\), two finite numbers, got \(0, 1, 2\)"),
    ({"pixel_range": (0, np.inf)}, r"pixel_range must be \(background, ink\), two finite numbers"),
    ({"recipe": "paper"}, "curvature_samples must be at most the 160 samples of train"),
])  # fmt: skip
def test_settings_that_make_no_sense(bars, how, words):
    classifier = LeNet5Classifier(**{**FAST, **how})
    with pytest.raises(ValueError, match=words):
        classifier.fit(*bars)
    with pytest.raises(NotFittedError):
        classifier.predict(bars[0])


@pytest.mark.parametrize("X, y, words", [
    (np.zeros((3, 1025)), [0, 1, 0], r"LeNet-5 sees 32x32 pixels, X has images of 33x33: .* at most 1,024 features"),
    (np.zeros((3, 28, 33)), [0, 1, 0], r"LeNet-5 sees 32x32 pixels, X has images of 28x33"),
    (np.zeros((3, 4)), [1, 1, 1], "y must have at least 2 classes, got one class, 1"),
    (np.zeros((3, 4)), [0.1, 0.2, 0.3], "Unknown label type"),
    (np.zeros((2, 1, 28, 28)), [0, 1], "dim 4"),
])  # fmt: skip
def test_data_that_make_no_sense(X, y, words):
    with pytest.raises(ValueError, match=words):
        LeNet5Classifier(**FAST).fit(X, y)


def test_a_loss_that_runs_away_leaves_no_fitted_estimator(bars):
    X, y = bars
    classifier = LeNet5Classifier(**{**FAST, "epochs": 30}, lr=1e30)
    with pytest.raises(DivergedError, match="try a smaller lr"):
        classifier.fit(X, y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def test_ctrl_c_is_not_swallowed_so_that_it_ends_a_search_too(bars, monkeypatch):
    """What has been learned until there is kept."""
    X, y = bars
    classifier, fit = LeNet5Classifier(**FAST).fit(X, y), mc.training.fit

    def interrupted(*arguments, **how):
        history = fit(*arguments, **how)
        history.interrupted = True
        return history

    monkeypatch.setattr(mc.training, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 3 and classifier.predict(X).shape == (160,)
