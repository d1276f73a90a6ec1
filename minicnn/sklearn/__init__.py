"""LeNet-5 as an estimator of scikit-learn: in pipelines, grid searches and cross-validation. The extra ``sklearn``."""

from minicnn.sources import pip_install

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(f"minicnn.sklearn needs scikit-learn ({pip_install('sklearn')}): {error}") from error

from minicnn.sklearn.classifier import LeNet5Classifier

__all__ = ["LeNet5Classifier"]
