"""What may be wrong around a training run: nowhere to keep loops, damaged files, no Numba, other threads and processes.

Most train a tiny network in a process of its own, as a user's script does, and compare the weights' bits.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from minicnn.compiled.threads import Team

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("numba") is None, reason="without Numba nothing is compiled"),
]

SCRIPT = """
import hashlib, sys, threading
import minicnn as mc

digits = mc.data.load_sample()[0].subset(slice(96))

def train(**how):
    net = mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0)], preprocess=mc.data.UNIT)
    optimizer = mc.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, digits, epochs=2, progress=False, **how)
    return hashlib.sha256(net.vector.values.tobytes()).hexdigest()

"""

WARNS_OF_DAMAGE = "minicnn could not read what Numba keeps of .* and compiles it anew"
COMPILES = "minicnn compiles its loops for this processor"


def environment(**changes):
    """This process's, without what says where Numba keeps things, and with the checkout first; None: left out."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "MINICNN_"))}
    changed = {**kept, "PYTHONPATH": paths, "MINICNN_BACKEND": "numpy", **changes}
    return {name: str(value) for name, value in changed.items() if value is not None}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder where Numba keeps the tiny network's loops."""
    return tmp_path_factory.mktemp("numba")


@pytest.fixture(scope="session")
def begin(cache):
    def begin(code, **changes):
        """A process that runs SCRIPT and then this."""
        how = {"env": environment(**{"NUMBA_CACHE_DIR": cache, **changes}), "text": True, "cwd": cache}
        return subprocess.Popen([sys.executable, "-c", SCRIPT + code], stdout=-1, stderr=-1, **how)

    return begin


@pytest.fixture(scope="session")
def run(begin):
    def run(code="print(train())", **changes):
        """-> (what SCRIPT and then this print, what they say on stderr)"""
        with begin(code, **changes) as process:
            output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        return output.split(), errors

    return run


@pytest.fixture(scope="session")
def alone(run):
    """The weights of a run that nothing disturbs; the tiny network's loops are kept from now on."""
    (weights,), _ = run()
    return weights


def test_what_is_compiled_now_and_what_comes_from_the_disk_give_the_same_bits(run, tmp_path):
    convolution = """if True:
        net = mc.Sequential([mc.Conv2d(1, 6, 5, rng=0), mc.ScaledTanh(), mc.Flatten(), mc.Linear(3456, 10, rng=0)],
                            preprocess=mc.data.UNIT)
        optimizer = mc.optim.SGD(net.parameters(), 0.01, momentum=0.9)
        mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, digits, epochs=2, progress=False)
        print(hashlib.sha256(net.vector.values.tobytes()).hexdigest())
    """
    compiled, errors = run(convolution, NUMBA_CACHE_DIR=tmp_path)
    assert errors.startswith(COMPILES)
    assert run(convolution, NUMBA_CACHE_DIR=tmp_path) == (compiled, "")


def test_two_processes_compile_at_once(begin, alone, tmp_path):
    both = [begin("print(train())", NUMBA_CACHE_DIR=tmp_path) for _ in range(2)]
    for process in both:
        with process:
            output, errors = process.communicate(timeout=600)
        assert (process.returncode, output.strip()) == (0, alone), errors
        assert len(errors.splitlines()) == 1 and errors.startswith(COMPILES), errors


def test_no_folder_to_keep_loops_in(run, alone, tmp_path):
    site = tmp_path / "site"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "minicnn", site / "minicnn", ignore=skip)
    shutil.copytree(ROOT / "kernels", site / "minicnn" / "kernels", ignore=skip)  # as installed
    (site / "minicnn" / "kernels" / "cpu" / "__pycache__").touch()  # a file: not even root can put something there
    nowhere = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": "/dev/null/nobody"}
    paths = os.pathsep.join([str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    output, errors = run("print(mc.__file__, train())", PYTHONPATH=paths, PYTHONDONTWRITEBYTECODE=1, **nowhere)
    assert output == [str(site / "minicnn" / "__init__.py"), alone]
    assert errors.startswith(COMPILES) and len(errors.splitlines()) == 1, errors


def test_a_folder_that_takes_nothing_more(run, alone, tmp_path):
    """The disk is full when what has been compiled is to be kept."""
    fails = "\n".join([
        "import numba.core.caching as caching",
        "def full(*a): raise OSError(28, 'No space left on device')",
        "caching.IndexDataCacheFile._save_data = full",
        "print(train())",
    ])  # fmt: skip
    output, errors = run(fails, NUMBA_CACHE_DIR=tmp_path)
    assert output == [alone]
    assert re.search("minicnn could not keep .* for the next time: .*No space left on device", errors)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: os.urandom(len(b))],
                         ids=["empty", "truncated", "random"])  # fmt: skip
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_damaged_files_are_replaced_with_a_warning(run, alone, cache, tmp_path, kind, damage):
    shutil.copytree(cache, tmp_path / "kept")
    files = list((tmp_path / "kept").rglob(f"*.{kind}"))
    assert files
    for path in files:
        path.write_bytes(damage(path.read_bytes()))
    output, errors = run(NUMBA_CACHE_DIR=tmp_path / "kept")
    assert output == [alone] and re.match(WARNS_OF_DAMAGE, errors) and "Traceback" not in errors, errors
    assert run(NUMBA_CACHE_DIR=tmp_path / "kept") == ([alone], "")


@pytest.mark.parametrize(("stub", "reason"), [
    ("raise ModuleNotFoundError('No module named numba', name='numba')", "Numba is not installed"),
    ("raise ImportError('Numba needs another NumPy')", "Numba does not work here (ImportError: Numba needs another"),
    ("raise RuntimeError('no LLVM')", "Numba does not work here (RuntimeError: no LLVM)"),
    ("", "Numba does not work here ("),
])  # fmt: skip
def test_without_a_numba_that_works_it_trains_in_plain_numpy_and_says_what_would_help(run, tmp_path, stub, reason):
    (tmp_path / "numba.py").write_text(stub)
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    code = "print(*(train(threads=n) for n in (1, 2, None)))"
    (one, two, every), errors = run(code, PYTHONPATH=paths)
    assert one == two == every
    assert errors.startswith(f"minicnn computes in plain NumPy, for {reason}") and len(errors.splitlines()) == 1, errors
    assert re.search(r'pip install -e "\S+\[fast\]" trains several times faster\n$', errors)


def test_a_script_without_a_main_guard_trains_at_its_top_level(run, alone):
    assert run("print(train(), train(threads=2))") == ([alone, alone], "")


def test_training_from_a_thread_and_in_two_threads_at_once(run, alone):
    code = """if True:
        said = [None] * 3
        def job(i): said[i] = train(threads=2)
        threads = [threading.Thread(target=job, args=(i,)) for i in range(3)]
        threads[0].start(), threads[0].join()
        [thread.start() for thread in threads[1:]], [thread.join() for thread in threads[1:]]
        print(*said)
    """
    assert run(code) == ([alone] * 3, "")


def test_two_threads_that_compile_the_same_at_once(run, alone, tmp_path):
    code = """if True:
        said = [None] * 2
        def job(i): said[i] = train(threads=2)
        threads = [threading.Thread(target=job, args=(i,)) for i in range(2)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        print(*said)
    """
    output, errors = run(code, NUMBA_CACHE_DIR=tmp_path)
    assert output == [alone] * 2 and len(errors.splitlines()) == 1 and errors.startswith(COMPILES), errors


def test_a_million_threads_are_as_many_as_there_is_work_for(run, alone):
    code = """if True:
        started, start = [], threading.Thread.start
        threading.Thread.start = lambda self: (start(self), started.append(self))
        print(train(threads=1_000_000), len(started) < 20, any(t.is_alive() for t in started if t.name == "minicnn"))
    """
    assert run(code) == ([alone, "True", "False"], "")


def test_zero_threads_are_refused_by_name(run):
    code = "try: train(threads=0)\nexcept ValueError as error: print(error)"
    assert " ".join(run(code)[0]) == "threads must be at least 1, got 0"


def test_a_thread_that_fails_keeps_nobody_waiting():
    given_up = threading.Event()

    def job(thread):
        if thread == 2:
            raise MemoryError("thread 2")
        assert given_up.wait(60)

    with Team() as team, pytest.raises(MemoryError, match="thread 2"):
        team.run(job, 3, given_up.set)
    with Team() as team:
        team.run(lambda thread: None, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_while_others_work_is_raised_when_they_are_done():
    done, given_up = [], threading.Event()

    def job(thread):
        if thread:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert given_up.wait(60)
            done.append(thread)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        for _ in range(300):  # it may come at any moment, one in 200 times just before the main thread falls asleep
            with Team() as team, pytest.raises(KeyboardInterrupt):
                team.run(job, 2, given_up.set)
            given_up.clear()
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == 300 * [1]


def test_kernels_of_other_constants_have_other_names():
    """Numba links what it has kept on disk by name: of two kernels called alike one would be called for both."""
    pytest.importorskip("numba")
    from primitive_cases import Draw, cases

    from minicnn.compiled import loops
    from minicnn.compiled.cpu import CpuForm

    known = {}
    for _, primitive, arguments in cases():
        for call in CpuForm(None, "float32").prepare(primitive, *arguments(Draw(0, "float32"))):
            function = loops._kernel(*call.maker).py_func
            meaning = function.__code__, [cell.cell_contents for cell in function.__closure__ or ()]
            assert known.setdefault(function.__qualname__, meaning) == meaning
    assert len(known) > 100
