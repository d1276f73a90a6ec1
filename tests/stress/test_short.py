"""The short form of ``python -m tests.stress``, with fixed seeds: nothing lost, wrong, hung or foreign."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TRIALS = {"kills": 6, "writing": 10, "signals": 6, "stops": 3, "disks": 4, "concurrent": 12, "checkpoints": 300,
          "idx": 800, "calls": 400, "downloads": 8, "soak": 20}  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (hasattr(os, "fork") and Path("/proc/self/status").exists()), reason="needs fork and /proc"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{name: row of the table} of a process of its own, whose forks so know nothing of pytest."""
    output = tmp_path_factory.mktemp("stress") / "stress.json"
    paths = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
    code = f"import runpy, sys\nm = runpy.run_path({str(HERE / '__main__.py')!r})"
    code += f"\nfor name, trials in {TRIALS!r}.items(): m['FAULTS'][name] = (m['FAULTS'][name][0], trials)"
    code += f"\nsys.exit(m['main'](['--output', {str(output)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True,
                          text=True, timeout=600)  # fmt: skip
    assert output.exists(), done.stderr
    rows = {row["name"]: row for row in json.loads(output.read_text())}
    return {name: (row, done.stdout) for name, row in rows.items()}


@pytest.mark.parametrize("name", TRIALS)
def test_nothing_is_lost_and_nothing_silent(results, name):
    row, said = results[name]
    assert row["trials"] >= TRIALS[name]
    assert [row[kind] for kind in ("lost", "wrong", "hung", "foreign")] == [0, 0, 0, 0], said


def test_damaged_files_are_refused_and_not_only_read(results):
    for name in ("checkpoints", "idx"):
        assert results[name][0]["refused"] > results[name][0]["trials"] / 2
