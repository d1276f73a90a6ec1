"""Example scripts run as a user runs them, on the bundled sample: no network, and not the user's cache or variables."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    keep = {name: value for name, value in os.environ.items() if not name.startswith("MINICNN_")}
    overrides = {"MINICNN_OFFLINE": "1", "PYTHONUTF8": "1", "HOME": home, "XDG_CACHE_HOME": home, "LOCALAPPDATA": home}
    try:
        import matplotlib

        overrides["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # else every new home starts with a scan of all fonts
    except ImportError:
        pass  # the pictures' tests skip themselves
    return {**keep, **overrides}


@pytest.fixture(scope="session")
def start(environment):
    """start("lenet5_mnist.py", "--epochs", 2, cwd=...) -> the running process, in a process group of its own."""

    def begin(script, *arguments, cwd, **how):
        command = [sys.executable, EXAMPLES / script, *map(str, arguments)]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment, **how}
        return subprocess.Popen(command, cwd=cwd, text=True, encoding="utf-8", start_new_session=True, **how)

    return begin


@pytest.fixture(scope="session")
def on_a_terminal(environment):
    """on_a_terminal(80, "lenet5_mnist.py", ..., cwd=...) -> (exit status, what a terminal of 80 columns is sent)."""

    def begin(columns, script, *arguments, cwd):
        import fcntl  # not on Windows
        import pty
        import struct
        import termios

        mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        command = [sys.executable, EXAMPLES / script, *map(str, arguments)]
        how = {"cwd": cwd, "env": environment, "stdout": its, "stderr": its, "start_new_session": True}
        with subprocess.Popen(command, **how) as process:
            os.close(its)
            shown = bytearray()
            try:
                while piece := os.read(mine, 65536):
                    shown += piece
            except OSError:  # how Linux says that nobody holds the other end any more
                pass
            finally:
                os.close(mine)
                process.wait(timeout=600)
        return process.returncode, shown.decode()

    return begin


@pytest.fixture(scope="session")
def run(start):
    """run("lenet5_mnist.py", "--epochs", 2, cwd=...) -> (exit status, stdout, stderr) when it has ended.

    Without the line that says, only where it is the first run of all, that loops are compiled.
    """

    def run_to_the_end(script, *arguments, cwd, **how):
        process = start(script, *arguments, cwd=cwd, **how)
        try:
            output, errors = process.communicate(timeout=600)
        finally:
            process.kill()
        return process.returncode, output, re.sub("^minicnn compiles its loops .*\n", "", errors, flags=re.M)

    return run_to_the_end
