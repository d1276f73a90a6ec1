"""The folders that lie beside minicnn/ in its sources, and within it where it is installed."""

import importlib.util
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DISTRIBUTION = "minicnn-lenet5"
"""The name on the package index, where minicnn is another project."""


def kernels():
    """The package ``minicnn.kernels``: as installed, or kernels/ beside minicnn/ where nothing is installed."""
    return _package("kernels")


def examples():
    """The package ``minicnn.examples``, as ``kernels``; ``minicnn train`` runs a script of it."""
    return _package("examples")


def folder(package):
    """Where the files of such a package lie."""
    return Path(package.__file__).parent


def checkout():
    """The root of the sources that run here, a clone or an unpacked source archive; None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "setup.cfg").is_file() and (root / "kernels").is_dir() else None


def pip_install(*extras):
    """The command that brings an extra, or one of several: to these sources, or to what is installed."""
    root = checkout()
    if root is None:
        what, how = DISTRIBUTION, ""
    else:
        what, how = "." if root == Path.cwd() else root, "-e "
    return f"pip install {how}" + " or ".join(f'"{what}[{extra}]"' for extra in extras)


def _package(name):
    full = f"minicnn.{name}"
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError:
        place = PACKAGE.parent / name
        spec = importlib.util.spec_from_file_location(
            full, place / "__init__.py", submodule_search_locations=[str(place)]
        )
        module = sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
