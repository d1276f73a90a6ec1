"""The packages of the extra ``interop``, imported when they are first needed."""

import importlib
from typing import Any

from minicnn.sources import pip_install


def needed(package: str, purpose: str) -> Any:
    """The package; ImportError says what it is for and how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{purpose} needs {package.partition('.')[0]} ({pip_install('interop')}): {error}") from error
