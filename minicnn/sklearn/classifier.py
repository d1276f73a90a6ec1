"""LeNet-5 with scikit-learn's methods."""

from dataclasses import replace

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from minicnn import training
from minicnn.data import Dataset
from minicnn.errors import DivergedError
from minicnn.models import lenet5
from minicnn.sklearn.images import checked_range, image_shape, images
from minicnn.training import RECIPES, Recipe
from minicnn.typing import Array, ArrayLike, Self

SEEDS = np.iinfo(np.int32).max
"""Below it are the seeds that random_state draws."""


class LeNet5Classifier(ClassifierMixin, BaseEstimator):
    """LeNet-5 of 1998: images to the classes whose prototypes its outputs come near.

    X: images ``(n, H, W)`` of at most 32x32 pixels, or rows ``(n, features)`` of at most 1,024 numbers: 784 are 28x28,
    64 are 8x8, and what is no square is laid row by row into the smallest square that holds it. Small images are
    enlarged by a whole number, at most to 28x28; all are centred in 32x32. Pixels have 256 levels between the two
    numbers of ``pixel_range``, background first. y: labels of any kind, at least two classes.

    recipe: one of ``minicnn.training.RECIPES``, the loss, the optimizer, the schedule and the initial weights; epochs,
    batch_size and lr take the place of the recipe's. pixel_range: (background, ink), by default the smallest and the
    largest number of the X that ``fit`` or the first ``partial_fit`` sees. warm_start: ``fit`` goes on from the weights
    that are there. random_state: of the initial weights and the shuffles. n_jobs: threads, as scikit-learn counts them:
    None is one, -1 all cores; the weights do not depend on it. verbose: whether the epochs are shown.

    After ``fit`` it has ``classes_``, ``network_`` (a ``minicnn.Sequential``), ``history_`` (a record an epoch),
    ``n_iter_`` (how many), ``loss_curve_`` (the mean loss of each), ``pixel_range_``, ``image_shape_`` and
    ``n_features_in_``.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LeNet5Classifier(epochs=5, random_state=0).fit(X[:1000], y[:1000])
    >>> bool(classifier.score(X[1000:], y[1000:]) > 0.8)
    True
    """

    def __init__(
        self,
        *,
        recipe: str = "default",
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        pixel_range: tuple[float, float] | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.recipe, self.epochs, self.batch_size, self.lr = recipe, epochs, batch_size, lr
        self.pixel_range, self.warm_start, self.random_state = pixel_range, warm_start, random_state
        self.n_jobs, self.verbose = n_jobs, verbose

    # ------------------------------------------------------------------------------------------------- learning

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on images X and their labels y; returns self.

        Raises ValueError for arguments and data that make no sense, DivergedError where the loss runs away. Ctrl-C
        raises KeyboardInterrupt after the current batch; the classifier then knows what it has learned until there.
        """
        going_on = self.warm_start and hasattr(self, "network_")
        X, y, shape = self._checked(X, y, first=not going_on)
        classes, recipe = np.unique(y), self._recipe()
        schedule = recipe.make_schedule()
        if not going_on:
            self._start(X, shape, classes)
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(f"warm_start goes on with the classes {self.classes_}, y has {classes}")
        else:
            self._new_optimizer(recipe, self.network_)
        return self._train(X, y, recipe, recipe.epochs, schedule)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """One pass over X and y with the recipe's first learning rate, from the weights that are there; returns self.

        classes: all labels that there will ever be, needed in the first call. Raises ValueError where they are missing
        or others than then, and for labels that are none of them.
        """
        first = not hasattr(self, "network_")
        X, y, shape = self._checked(X, y, first)
        if first:
            if classes is None:
                raise ValueError("classes must be given in the first call of partial_fit: all labels there will be")
            self._start(X, shape, np.unique(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_}, got {np.unique(classes)}")
        recipe = self._recipe()
        if recipe.settings() != self._settings:
            self._new_optimizer(recipe, self.network_)
        return self._train(X, y, recipe, 1, None)

    def _recipe(self):
        """The recipe, with the arguments that take the place of its own."""
        if self.recipe not in RECIPES:
            raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}")
        given = {"epochs": self.epochs, "batch_size": self.batch_size, "lr": self.lr}
        return replace(RECIPES[self.recipe], **{name: value for name, value in given.items() if value is not None})

    def _start(self, X, shape, classes):
        """A new network for these classes; X gives the range of the pixels if nobody else does."""
        if len(classes) < 2:
            raise ValueError(f"y must have at least 2 classes, got one class, {classes.tolist()[0]!r}")
        pixel_range = checked_range((X.min(), X.max()) if self.pixel_range is None else self.pixel_range)
        random, recipe = check_random_state(self.random_state), self._recipe()
        network = _network(classes, recipe, random.randint(SEEDS))
        self._new_optimizer(recipe, network)
        self.network_, self.classes_, self.image_shape_, self.pixel_range_ = network, classes, shape, pixel_range
        self.history_, self._random = [], random

    def _new_optimizer(self, recipe, network):
        """An optimizer that has seen no step, and the settings that it is made by."""
        self._optimizer, self._settings = recipe.make_optimizer(network.parameters()), recipe.settings()

    def _train(self, X, y, recipe, epochs, schedule):
        try:
            history = self._history(X, y, recipe, epochs, schedule)
        except Exception as error:
            if isinstance(error, DivergedError) or not self.history_:
                del self.network_  # it knows nothing any more, or has learned nothing yet: this is not fitted
            raise
        self.history_ = [*self.history_, *history]
        for number, record in enumerate(self.history_, start=1):
            record["epoch"] = number
        self.loss_curve_ = [record["train_loss"] for record in self.history_]
        self.n_iter_ = len(self.history_)
        if history.interrupted:
            raise KeyboardInterrupt
        return self

    def _history(self, X, y, recipe, epochs, schedule):
        """What ``training.fit`` returns for X and y."""
        labels = np.searchsorted(self.classes_, y)
        if (wrong := self.classes_[labels.clip(max=len(self.classes_) - 1)] != y).any():
            raise ValueError(f"y has the label {y[wrong].tolist()[0]!r}, which is none of the classes {self.classes_}")
        if schedule is None:
            self._optimizer.lr = recipe.lr
        data = Dataset(self._images(X), labels, classes=self.network_.classes)
        how = {"epochs": epochs, "batch_size": recipe.batch_size, "schedule": schedule}
        how |= {"seed": self._random.randint(SEEDS), "threads": effective_n_jobs(self.n_jobs)}
        loss, shown = recipe.make_loss(), bool(self.verbose)
        return training.fit(self.network_, loss, self._optimizer, data, progress=shown, **how)

    # ------------------------------------------------------------------------------------------------ predicting

    def predict(self, X: ArrayLike) -> Array:
        """The label of every image: the class with the nearest prototype."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of every class, ``(n, classes)`` float32: exp(-y_i) / sum_k exp(-y_k) of the distances y.

        That is how equation 9 of LeCun et al. 1998 reads distances: as the negative logarithms of what the classes make
        likely, up to a common factor. Its rubbish class is left out, for there is no label for it.
        """
        y = self.distances(X)
        likelihood = np.exp(y.min(axis=1, keepdims=True) - y)
        return likelihood / likelihood.sum(axis=1, keepdims=True)

    def distances(self, X: ArrayLike) -> Array:
        """How far every image's features are from every class's prototype, ``(n, classes)``: what the network says."""
        check_is_fitted(self, "network_")
        X, _ = self._features(X)
        X = validate_data(self, X, reset=False)
        return self.network_.outputs(self._images(X), threads=effective_n_jobs(self.n_jobs)).T

    # ----------------------------------------------------------------------------------------------------- data

    def _checked(self, X, y, first):
        """(X (n, features), y (n,), shape of the images); ValueError for what scikit-learn refuses."""
        X, shape = self._features(X)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X, y = validate_data(self, X, y, reset=first)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        return X, y, shape or image_shape(X.shape[1])

    def _features(self, X):
        """X with an axis of samples and one of features, and the shape of images that are given as such."""
        if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) == 2:
            X = np.asarray(X)
        if getattr(X, "ndim", 2) != 3:
            return X, None
        return X.reshape(len(X), -1), image_shape(X.shape[1] * X.shape[2], X.shape[1:])

    def _images(self, X):
        return images(X, self.image_shape_, self.pixel_range_)

    # ------------------------------------------------------------------------------------------------- as a file

    def __getstate__(self):
        """The network and the optimizer as named arrays, from which any later version can make its own objects."""
        state = dict(super().__getstate__())
        if "network_" in state:
            state["network_"] = self.network_.state_dict()
            state["_optimizer"] = self._optimizer.state_dict(self.network_.backend.to_numpy)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "network_" in state:
            recipe = Recipe("of a pickle", **self._settings)
            self.network_ = _network(self.classes_, recipe, 0)
            self.network_.load_state_dict(state["network_"])
            self._new_optimizer(recipe, self.network_)
            self._optimizer.load_state_dict(state["_optimizer"], self.network_.backend.asarray)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _network(labels, recipe, seed):
    """LeNet-5 for these labels: prototypes that draw them where all are single characters, else codes."""
    names = [f"{label:g}" if isinstance(label, float) else str(label) for label in labels.tolist()]
    readable = all(name.strip() for name in names) and len(set(names)) == len(names)
    return lenet5(names if readable else len(names), rng=seed, **recipe.network())
