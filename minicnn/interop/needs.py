"""The packages of the extra ``interop``, imported when they are first needed."""

import importlib


def needed(package, purpose):
    """The package; ImportError says what it is for and how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{purpose} needs the package {package}: pip install {package} ({error})") from error
