"""``python examples/draw_digit.py`` from start to Ctrl-C."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from minicnn.demo import __main__ as command

EXAMPLE = Path(__file__).parents[2] / "examples" / "draw_digit.py"


@contextmanager
def running(*arguments, **how):
    """-> (process, the line that it printed with its address)."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--no-browser", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how,
    )  # fmt: skip
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for one process alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_page_until_ctrl_c(number):
    with running("--port", "0") as (process, line):
        url = re.fullmatch(r"LeNet-5 is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line).group(1)
        connection = socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2])))
        with connection, urllib.request.urlopen(url, timeout=10) as page:  # one more connection that stays open
            assert b"<title>LeNet-5" in page.read()
            started = time.monotonic()
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
        assert process.returncode == 0 and "stopped" in output and errors == ""
        assert time.monotonic() - started < 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for one process alone")
def test_a_background_job_of_a_script_ends_by_sigint_too():
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}  # as sh starts a job with &
    with running("--port", "0", **ignoring) as (process, _):
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0 and "stopped" in output and errors == ""


def test_an_address_open_to_the_network_gets_a_warning():
    with running("--port", "0", "--host", "0.0.0.0") as (process, line):
        assert "LeNet-5 is at http://0.0.0.0:" in line
        process.kill()
        assert "warning: --host 0.0.0.0 opens this page to everyone" in process.communicate()[1]


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running("--port", str(port)) as (process, line):
            assert line == "" and process.wait(10) == 1
            assert f"error: cannot listen at 127.0.0.1, port {port}: " in process.stderr.read()


def test_without_a_port_it_finds_a_free_one(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(command, "PORT", other.getsockname()[1])
        with command.listen("127.0.0.1", None) as server:
            assert server.server_port not in (0, command.PORT)


@pytest.mark.parametrize("arguments", [["--port", "65536"], ["--port", "http"], ["--port", "-1"], ["--nothing"]])
def test_arguments_that_make_no_sense(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2 and arguments[0] in capsys.readouterr().err
