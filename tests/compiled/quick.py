"""Long tables of cases: some stay in the default run, the others go with the slow tests."""

import pytest


def rest_slow(cases, keep=1):
    """The cases as pytest's parameters, all but the first ``keep`` marked slow."""
    kept, others = (cases := list(cases))[:keep], cases[keep:]
    return [*kept, *(pytest.param(*(c if type(c) is tuple else (c,)), marks=pytest.mark.slow) for c in others)]


def one_of_each(cases):
    """The names of a table {name: (primitive, arguments)} in such an order; the first case of a primitive is kept."""
    first = {primitive: name for name, (primitive, _) in reversed(cases.items())}.values()
    return rest_slow([*first, *(name for name in cases if name not in first)], keep=len(first))
