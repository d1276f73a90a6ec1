"""Makes this folder's helper modules importable, and prints the table of outcomes at the end of a run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

LINES = pytest.StashKey()


@pytest.fixture(scope="session")
def summary(pytestconfig):
    """Lines for the end of the run."""
    return pytestconfig.stash.setdefault(LINES, [])


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(LINES, [])
    if lines:
        terminalreporter.section("test cases of other projects")
        for line in lines:
            terminalreporter.line(line)
