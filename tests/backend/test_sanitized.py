"""The kernels under AddressSanitizer and UBSan, in a process that has the sanitizer's library preloaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from host_kernels import COMPILER

SCRIPT = Path(__file__).with_name("sanitized_run.py")


def sanitized(*arguments):
    library = subprocess.run([COMPILER, "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(library):
        pytest.skip("libasan is not installed")
    environment = {
        **os.environ, "MINICNN_SANITIZE": "1", "LD_PRELOAD": library, "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
        "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[2]), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="g++ on Linux is needed to run the CUDA kernels on the CPU"),
]


def test_the_kernels_touch_nothing_that_is_not_theirs():
    done = sanitized()
    assert done.returncode == 0 and "nothing found" in done.stdout, done.stderr[-3000:]
    assert "ERROR" not in done.stderr, done.stderr[-3000:]


def test_the_sanitizer_would_have_seen_it():
    done = sanitized("overrun")
    assert done.returncode != 0 and "heap-buffer-overflow" in done.stderr, done.stderr[-3000:]
