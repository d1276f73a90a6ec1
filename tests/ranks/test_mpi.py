"""Two ranks for real: mpiexec, the main job, and what ends one of them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

pytest.importorskip("mpi4py", reason="mpi4py is not installed: no ranks to start")
pytest.importorskip("numba")
MPIEXEC = next(filter(None, (shutil.which("mpiexec", path=p) for p in (Path(sys.executable).parent, None))), None)
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")

JOB = Path(__file__).parents[2] / "examples" / "lenet5_mnist.py"
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
           "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}  # fmt: skip
"""For Open MPI: containers have one user, and some only one core."""

SHORT = ("--no-plots", "--backend", "numpy", "--data", str(Path(mc.data.__file__).parent / "sample"))


def start(ranks, *arguments):
    command = [sys.executable, *map(str, arguments)]
    if ranks:
        command = [MPIEXEC, "-n", str(ranks), *command]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **AS_ROOT}
    )


def ended(process, seconds=100):
    """(exit status, what it said on stdout and on stderr)"""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still running: {process.communicate()}") from None
    return process.returncode, out, err


def rank_of(process, rank, folder):
    """The process number of a rank, when it trains."""
    path = folder / f"rank{rank}"
    for _ in range(1000):
        if path.exists() and path.read_text():
            return int(path.read_text())
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("the ranks do not train")


ENDLESS = """
import os, sys
from pathlib import Path
import minicnn as mc
ranks, folder = mc.ranks.world(), Path(sys.argv[1])
net = mc.models.lenet5(rng=0)
def tell(record):
    (folder / f"rank{ranks.rank}").write_text(str(os.getpid()))
optimizer = mc.optim.SGD(net.parameters(), 0.0005, momentum=0.9, weight_decay=0.01)
history = mc.training.fit(
    net, mc.losses.MAPLoss(10), optimizer, mc.data.load_sample()[0].subset(slice(640)), epochs=1_000_000,
    checkpoint=folder / "checkpoint.npz", progress=False, on_epoch=tell, communicator=ranks,
)
print(f"rank {ranks.rank} of {ranks.size} stopped by {history.signal}", flush=True)
"""


@pytest.fixture
def endless(tmp_path):
    """Two ranks that train as the main job does, until they are stopped."""
    process = start(2, "-c", ENDLESS, tmp_path)
    yield process
    process.kill()
    process.communicate()


def test_two_ranks_train_as_one_process_does(tmp_path):
    """The main job, which says of the ranks once, and the same bits."""
    first = ended(start(None, JOB, *SHORT, "--epochs", 1, "--output", tmp_path / "warm", "--quiet"))
    assert first[0] == 0, first[2]  # Numba's loops are compiled now
    status, out, err = ended(start(2, JOB, *SHORT, "--epochs", 1, "--output", tmp_path / "two"))
    assert status == 0, err
    assert out.count("2 processes share") == out.count("test error:") == out.count("epoch 1/1") == 1
    status, alone, err = ended(start(None, JOB, *SHORT, "--epochs", 1, "--output", tmp_path / "one"))
    assert status == 0, err
    assert re.findall(r"test error: [\d.]+%", out) == re.findall(r"test error: [\d.]+%", alone) != []
    with np.load(tmp_path / "one/checkpoint.npz") as one, np.load(tmp_path / "two/checkpoint.npz") as two:
        for name in set(one.files) - {"__facts__"}:
            np.testing.assert_array_equal(two[name], one[name], err_msg=name)
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["checkpoint.npz", "history.jsonl"]


def test_a_signal_to_one_rank_stops_both_with_a_checkpoint(endless, tmp_path):
    os.kill(rank_of(endless, 1, tmp_path), signal.SIGTERM)
    status, out, _ = ended(endless, 30)
    assert status == 0
    for rank in (0, 1):  # mpiexec may join both ranks' lines into one
        assert out.count(f"rank {rank} of 2 stopped by {int(signal.SIGTERM)}") == 1, out
    arrays, facts = mc.training.read_facts(tmp_path / "checkpoint.npz")
    assert facts["progress"]["epoch"] >= 1 and all(np.isfinite(a).all() for a in arrays.values())


def test_a_killed_rank_ends_the_other_and_the_last_checkpoint_stands(endless, tmp_path):
    os.kill(rank_of(endless, 1, tmp_path), signal.SIGKILL)
    status, _, err = ended(endless, 30)
    assert status != 0, err  # mpiexec's own words say which signal it was
    assert mc.training.read_facts(tmp_path / "checkpoint.npz")[1]["progress"]["epoch"] >= 1


def test_a_wrong_command_line_is_told_of_once():
    status, _, err = ended(start(2, JOB, "--epochs", 0))
    assert status != 0 and err.count("argument --epochs: must be at least 1, got 0") == 1


def test_error_rates_take_their_jobs_to_other_ranks(tmp_path):
    script = Path(__file__).parents[1] / "benchmarks" / "error_rates.py"
    some = ("--runs", "default", "--epochs", 1, "--seeds", 2, "--data", SHORT[-1], "--output", tmp_path / "rates.jsonl")
    status, out, err = ended(start(2, "-m", "mpi4py.futures", script, *some))
    assert status == 0, err
    lines = [json.loads(line) for line in (tmp_path / "rates.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    assert out.count("seed 0") == out.count("seed 1") == 1
