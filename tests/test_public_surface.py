"""What users call says what it takes, what it gives and what it is for: all of it is annotated and described."""

import importlib
import inspect
import pkgutil
from importlib import resources

import pytest

import minicnn as mc

OWN = ("forward", "backward", "second_backward")
"""Methods whose shapes differ from layer to layer: an inherited docstring would not say them."""


def public_modules():
    """minicnn, its packages that name their public parts in ``__all__``, and the modules that are named there.

    minicnn.cli is left out: its users type commands. Packages that need what is not installed are, too.
    """
    found, ahead = {}, ["minicnn"]
    ahead += [m.name for m in pkgutil.walk_packages(mc.__path__, "minicnn.") if m.ispkg and "cli" not in m.name]
    while ahead:
        name = ahead.pop(0)
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if (error.name or "").startswith("minicnn"):
                raise
            continue
        if name == "minicnn" or hasattr(module, "__all__"):
            named = {n: getattr(module, n) for n in module.__all__}
            ahead += [value.__name__ for value in named.values() if inspect.ismodule(value)]
        elif module.__file__.endswith("__init__.py"):
            continue
        else:
            named = {n: v for n, v in vars(module).items() if not n.startswith("_")}
        found[name] = [v for v in named.values() if getattr(v, "__module__", "").startswith("minicnn")]
    return found


def callables():
    """{address: (function or class, the class that it is a method of)} of all that users call."""
    found = {}
    for module, values in public_modules().items():
        for value in values:
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            if module != value.__module__ and not hasattr(importlib.import_module(module), "__all__"):
                continue  # a module without __all__ gives what it defines, not what it imports
            found[f"{value.__module__}.{value.__qualname__}"] = value, None
            if inspect.isclass(value) and not issubclass(value, BaseException):
                found |= methods(value)
    return found


def methods(kind):
    """The methods and properties of a class that are minicnn's own and have no underscore."""
    found = {}
    for name in dir(kind):
        owner = next((c for c in kind.__mro__ if name in vars(c)), object)
        member = inspect.getattr_static(kind, name)
        member = member.fget if isinstance(member, property) else member
        if owner.__module__.startswith("minicnn") and inspect.isfunction(member):
            if not name.startswith("_") or (name == "__init__" and not hasattr(kind, "__dataclass_fields__")):
                found[f"{kind.__module__}.{kind.__qualname__}.{name}"] = member, kind
    return found


@pytest.fixture(scope="module")
def surface():
    return callables()


def test_the_walk_finds_what_users_call(surface):
    assert {"minicnn.layers.conv.Conv2d.forward", "minicnn.layers.conv.Conv2d.parameters", "minicnn.training.loop.fit",
            "minicnn.losses.MAPLoss", "minicnn.optim.schedules.Cosine", "minicnn.initialisers.zeros",
            "minicnn.network.network.Sequential.summary"} <= set(surface)  # fmt: skip


def test_everything_has_a_docstring(surface):
    def words(name, value, kind):
        method = name.rpartition(".")[2]
        if kind is None or method == "__init__":  # the class says what its arguments are
            return (kind or value).__doc__
        if method in OWN and method in vars(kind):
            return value.__doc__
        return inspect.getdoc(getattr(kind, method))

    assert not [name for name, (value, kind) in surface.items() if not (words(name, value, kind) or "").strip()]


def test_everything_is_annotated(surface):
    def bare(value, kind):
        signature = inspect.signature(value)
        parameters = list(signature.parameters.values())[0 if kind is None else 1 :]
        return signature.return_annotation is signature.empty or any(p.annotation is p.empty for p in parameters)

    functions = {name: both for name, both in surface.items() if not inspect.isclass(both[0])}  # a class: its __init__
    assert not [name for name, (value, kind) in functions.items() if bare(value, kind)]


def test_the_package_says_to_type_checkers_that_it_is_annotated():
    assert resources.files(mc).joinpath("py.typed").is_file()
