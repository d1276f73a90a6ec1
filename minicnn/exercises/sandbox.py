"""Runs a student's file in a process of its own, with limits on its time, its output and its memory.

It protects the checker from mistakes: endless loops, crashes, floods of output. It is no protection from malice:
the code has all the rights of whoever runs the checker. To grade strangers' files, run the checker in a container.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

TIME_LIMIT = 10.0
"""Seconds that one exercise may compute; a right answer needs a fraction of one."""
PATIENCE = 4 if hasattr(signal, "setitimer") else 1
"""So many times that by the clock on the wall, for code that sleeps. Windows has no other limit."""
START_LIMIT = 120.0
"""Seconds until Python and NumPy must be there, which no student's code can hurry."""
OUTPUT_LIMIT = 1_000_000
"""Bytes that a file may print before it is stopped."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes of address space, where the system can limit it."""
KEPT = 4000
"""Bytes of output that are kept to be shown."""

STUDENT = Path(__file__).with_name("student.py")
ENGINE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """report: what student.py wrote (see there), or None if it did not come to that; results: {name: array} of each
    finished case; printed: the beginning of what the code printed; stopped: "", "time" (it computed for too long),
    "wait" (it did not end, whatever it did), "start" or "output"; status: the process's exit status, negative for a
    signal; where: the line in the student's file it was in when it was
    stopped or crashed, or None; seconds: how long it ran."""

    report: dict | None
    results: list
    printed: str
    stopped: str
    status: int
    where: int | None
    seconds: float


def run(exercise, path, time_limit=TIME_LIMIT, engine=True):
    """Run ``path``, a student's file for ``exercise``, on all its cases -> Run. engine: may it import minicnn?"""
    path = Path(path).resolve()
    with tempfile.TemporaryDirectory(prefix="minicnn-exercise-", ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        write_task(folder, exercise, path, time_limit, engine)
        started = time.perf_counter()
        stopped, status, printed = execute(folder, path, time_limit)
        seconds = time.perf_counter() - started
        report, results = (None, []) if stopped else read_report(folder)
        return Run(report, results, printed, stopped, status, last_line(folder / "where.txt", path), seconds)


def write_task(folder, exercise, path, time_limit, engine):
    """Everything that student.py needs; arrays as .npz without pickle, the rest as JSON."""
    names = {name for step in exercise.steps for name in step.args}
    numbers = []
    for i, case in enumerate(exercise.cases):
        shown = {name: value for name, value in case.items() if name in names}
        arrays = {name: value for name, value in shown.items() if isinstance(value, np.ndarray)}
        np.savez(folder / f"case{i}.npz", **arrays)
        numbers.append({name: value for name, value in shown.items() if name not in arrays})
    task = {
        "file": str(path), "steps": [asdict(step) for step in exercise.steps], "numbers": numbers,
        "seconds": time_limit, "patience": PATIENCE * time_limit, "memory": MEMORY_LIMIT,
        "engine": str(ENGINE) if engine else None,
    }  # fmt: skip
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")


def execute(folder, path, time_limit):
    """Run student.py -> (what stopped it or "", its exit status, the beginning of what it printed)."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = {**os.environ, **threads, "MPLBACKEND": "Agg"}  # a plot window would wait for someone to close it
    own_group = {"start_new_session": True} if os.name == "posix" else {}
    process = subprocess.Popen(
        [sys.executable, "-u", "-B", "-X", "utf8", str(STUDENT), str(folder)], cwd=path.parent, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **own_group,
    )  # fmt: skip
    printed, too_much = bytearray(), threading.Event()
    reader = threading.Thread(target=drain, args=(process.stdout, printed, too_much), daemon=True)
    reader.start()
    late, deadline, stopped = "start", time.monotonic() + START_LIMIT, ""
    try:
        while process.poll() is None:
            if late == "start" and (folder / "begun").exists():
                late, deadline = "wait", time.monotonic() + PATIENCE * time_limit
            stopped = "output" if too_much.is_set() else late if time.monotonic() > deadline else ""
            if stopped:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
    finally:  # also when the user presses Ctrl-C
        kill(process)
    if not stopped and hasattr(signal, "SIGPROF") and process.returncode == -signal.SIGPROF:
        stopped = "time"
    reader.join(2)  # a child of the student's that has got away may keep the pipe open
    return stopped, process.returncode, bytes(printed[:KEPT]).decode("utf-8", errors="replace")


def drain(pipe, printed, too_much):
    """Read to the end so that the process never waits, but keep little."""
    count = 0
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            count += len(chunk)
            printed += chunk[: max(0, KEPT - len(printed))]
            if count > OUTPUT_LIMIT:
                too_much.set()


def kill(process):
    """End the process and whatever it has started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    if process.poll() is None:
        process.kill()
    process.wait()


def read_report(folder):
    """-> (report, results); (None, []) where the process did not come to its end, or damaged what it wrote."""
    try:
        report, results = json.loads((folder / "report.json").read_text(encoding="utf-8")), []
        if not whole(report):
            return None, []
        for case in range(report["finished"]):
            with np.load(folder / f"result{case}.npz", allow_pickle=False) as arrays:
                results.append({name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None, []
    if any(array.dtype.kind not in "iuf" for of_case in results for array in of_case.values()):
        return None, []
    return report, results


def whole(report):
    """Whether a report is such as student.py writes: the student's code could have written another in its place."""
    kinds = {"problem": str, "kind": str, "text": str, "line": (int, type(None)), "finished": int, "unwritten": list,
             "changed": list, "uses_engine": bool}  # fmt: skip
    if not isinstance(report, dict) or not all(isinstance(report.get(name, ...), kind) for name, kind in kinds.items()):
        return False
    return all(isinstance(name, str) for name in [*report["unwritten"], *report["changed"]])


def last_line(where, path):
    """The line of the student's file at the top of faulthandler's traceback, or None."""
    with contextlib.suppress(OSError, ValueError):
        for line in where.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip().startswith(f'File "{path}", line '):
                return int(line.split(", line ")[1].split()[0])
    return None
