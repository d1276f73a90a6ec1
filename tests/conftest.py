"""Signals reach the tests and the programs that they start, as in a terminal."""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal():
    """Jobs in the background ignore Ctrl-C, those under nohup SIGHUP, and so would all that they start."""
    defaults = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    ignored = {}
    for name, handler in defaults.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            ignored[number] = signal.signal(number, handler)
    yield
    for number, handler in ignored.items():
        signal.signal(number, handler)
