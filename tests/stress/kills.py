"""Runs that are killed, stopped, signalled, and that run out of disk: what they had is there, and they go on bit-equal.

Every run is a process forked from this one, so that a trial takes no more than its training. After each the checkpoint
is looked at, the run goes on, and in the end its weights are compared with those of a run that nothing happened to.
"""

import importlib
import os
import resource
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from tally import Tally

import minicnn as mc
from minicnn import files
from minicnn.cli.train.places import results_directory
from minicnn.training import History, read_facts

EPOCHS, SECONDS = 3, 60
"""Epochs of a run, and how long it may take at most."""

STEPS = ("tempfile.mkstemp", "os.fsync", "os.chmod", "os.replace", "os.unlink", "os.listdir")
"""What writing a file consists of: a process is killed just before or just after one of these, or in the midst of its
bytes."""


def train(folder, seed=0, epochs=EPOCHS, on_epoch=None, threads=1):
    """A run that goes on from its checkpoint, if there is one -> its History."""
    rng = np.random.default_rng(seed)
    data = mc.data.Dataset(rng.integers(0, 256, (160, 12, 12), np.uint8), rng.integers(0, 4, 160, np.uint8))
    net = mc.Sequential([mc.Conv2d(1, 4, 5, rng=seed), mc.ScaledTanh(), mc.Flatten(), mc.Dropout(0.2, rng=seed),
                         mc.Linear(256, 4, rng=seed)], preprocess=mc.data.UNIT)  # fmt: skip
    optimizer, path = mc.optim.Adam(net.parameters(), 0.002), folder / "checkpoint.npz"
    return mc.training.fit(
        net, mc.losses.CrossEntropyLoss(), optimizer, data, epochs=epochs, batch_size=8, checkpoint=path,
        history=folder / "history.jsonl", resume=path if path.exists() else None, progress=False, on_epoch=on_epoch,
        threads=threads,
    )  # fmt: skip


def forked(work):
    """The id of a process that does ``work()`` and then ends with the number that it returns."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work()
        except SystemExit as error:
            status = error.code
        except KeyboardInterrupt:
            status = 130
        except OSError as error:
            status = 98
            print(f"OSError {error}", flush=True)
        except BaseException as error:  # whatever it is, this process must not go on as its parent
            print(f"foreign {type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(status or 0)
    return child


def ended(child, seconds=SECONDS):
    """Wait -> (exit status or None, signal or None); (None, None): it hung, and was killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return (os.WEXITSTATUS(status), None) if os.WIFEXITED(status) else (None, os.WTERMSIG(status))
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, None


class Run:
    """A run in a folder of its own, which is tried on until it is complete."""

    def __init__(self, tally, folder, rng):
        self.tally, self.rng = tally, rng
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.said = self.folder / "said"
        self.threads = int(rng.integers(1, 3))

    def begin(self, before=lambda: None):
        def note(record):
            with open(self.said, "a", encoding="utf-8") as file:
                file.write(f"{record['epoch']}\n")

        def work():
            devnull = os.open(self.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(devnull, 1)
            os.dup2(devnull, 2)
            before()
            history = train(self.folder, on_epoch=note, threads=self.threads)
            return 128 + history.signal if history.interrupted else 0

        return forked(work)

    def check(self, what):
        """Whether all that the run has said is done can be gone on from."""
        done = max(map(int, self.said.read_text().split()), default=0) if self.said.exists() else 0
        path = self.folder / "checkpoint.npz"
        try:
            epoch = read_facts(path)[1]["progress"]["epoch"] if path.exists() else 0
            records = len(History.load(self.folder / "history.jsonl"))
        except mc.errors.MinicnnError as error:
            self.tally.note("lost", what, error)
            return
        if min(epoch, records) < done:
            self.tally.note("lost", f"{what}: {done} epochs were done, the checkpoint has {epoch}")
        output = self.folder / "output"
        if output.exists() and "foreign" in (text := output.read_text()):
            self.tally.note("foreign", f"{what}: {text}")
            output.unlink()

    def complete(self, what, whole):
        """Go on to the end; the weights must be those of the ``whole`` run, and nothing else may be left."""
        status, _ = ended(self.begin())
        if status != 0:
            kind = "hung" if status is None else "foreign"
            self.tally.note(kind, f"{what}: going on ended with {status}: {(self.folder / 'output').read_text()}")
            return
        arrays = read_facts(self.folder / "checkpoint.npz")[0]
        if not all(np.array_equal(arrays[name], whole[name]) for name in whole):
            self.tally.note("wrong", f"{what}: other weights in the end")
        expected = {"said", "output", "checkpoint.npz", "history.jsonl"}
        if left := sorted({path.name for path in self.folder.iterdir()} - expected):
            self.tally.note("lost", f"{what}: left behind {left}")
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


def whole_run(folder):
    """-> (the arrays of a run that nothing happens to, the seconds that it takes)."""
    place = Path(tempfile.mkdtemp(dir=folder))
    train(place)  # compiles, or whatever else is done once
    for path in place.iterdir():
        path.unlink()
    started = time.monotonic()
    train(place)
    return read_facts(place / "checkpoint.npz")[0], time.monotonic() - started


def kill_at_any_moment(rng, trials, folder):
    return interrupted(rng, trials, folder, "run, killed at a random moment", [signal.SIGKILL])


def signals(rng, trials, folder):
    kinds = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return interrupted(rng, trials, folder, "run, Ctrl-C, SIGTERM or SIGHUP at a random moment", kinds)


def interrupted(rng, trials, folder, fault, kinds):
    tally = Tally(fault)
    whole, seconds = whole_run(folder)
    while tally.trials < trials:
        run = Run(tally, folder, rng)
        for _ in range(int(rng.integers(1, 4))):
            number, wait = kinds[rng.integers(len(kinds))], rng.uniform(0, 1.1 * seconds)
            what = f"{signal.Signals(number).name} after {wait:.3f} s"
            child = run.begin()
            time.sleep(wait)
            os.kill(child, number)
            tally.trials += 1
            status, by = ended(child)
            if status is None and by is None:
                tally.note("hung", what)
            elif status not in (0, 128 + number) and by != number:
                tally.note("foreign", f"{what}: ended with {status}, {by}")
            run.check(what)
        run.complete(what, whole)
    return tally


def kill_while_writing(rng, trials, folder):
    """Killed just before or just after a step of writing, the first or a later one."""
    tally = Tally("run, killed at a step of writing a file")
    whole, _ = whole_run(folder)
    while tally.trials < trials:
        run = Run(tally, folder, rng)
        for _ in range(int(rng.integers(1, 4))):
            if rng.random() < 0.4:
                count = int(rng.integers(1, 150))
                what, before = f"in the midst of the {count}th piece", partial(kill_in_the_midst, count)
            else:
                step, after, count = STEPS[rng.integers(len(STEPS))], bool(rng.integers(2)), int(rng.integers(1, 9))
                what = f"{'after' if after else 'before'} {step}, the {count}th time"
                before = partial(kill_at, step, after, count)
            tally.trials += 1
            if ended(run.begin(before)) == (None, None):
                tally.note("hung", what)
            run.check(what)
        run.complete(what, whole)
    return tally


def kill_at(step, after, count):
    """Make this process kill itself at the so manieth call of a function."""
    module, name = step.split(".")
    module = importlib.import_module(module)
    function, calls = getattr(module, name), []

    def killing(*arguments, **named):
        calls.append(name)
        if len(calls) == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if len(calls) == count and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, killing)


def kill_in_the_midst(count):
    """Make this process kill itself when half of the so manieth piece of a file is written."""
    pieces = []

    class Dying:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def write(self, piece):
            pieces.append(len(piece))
            if len(pieces) == count:
                self.file.write(piece[: len(piece) // 2])
                self.file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return self.file.write(piece)

    files.open = lambda *arguments, **named: Dying(open(*arguments, **named))


def stops(rng, trials, folder):
    """SIGSTOP and SIGCONT, as of Ctrl-Z and fg, several times a run."""
    tally = Tally("run, stopped and continued")
    whole, seconds = whole_run(folder)
    while tally.trials < trials:
        run = Run(tally, folder, rng)
        child = run.begin()
        for _ in range(3):
            time.sleep(rng.uniform(0, seconds / 3))
            os.kill(child, signal.SIGSTOP)
            time.sleep(rng.uniform(0, 0.05))
            os.kill(child, signal.SIGCONT)
            tally.trials += 1
        status, by = ended(child)
        if status != 0:
            tally.note("hung" if by is None else "foreign", f"ended with {status}, {by}")
        run.complete("stopped", whole)
    return tally


def full_disks(rng, trials, folder):
    """No file may grow beyond a limit, as on a full disk: an error that names the file, and the old ones stay."""
    tally = Tally("run, disk full")
    whole, _ = whole_run(folder)
    size = sum(array.nbytes for array in whole.values())
    while tally.trials < trials:
        run = Run(tally, folder, rng)
        limit = int(rng.integers(0, 2 * size))
        tally.trials += 1
        if rng.random() < 0.7:  # something is there already that must stay
            ended(run.begin(lambda: kill_at("os.replace", True, 2)))

        def limited(limit=limit):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        status, by = ended(run.begin(limited))
        if (status, by) == (None, None):
            tally.note("hung", f"limit {limit}")
        elif status not in (0, 98):
            tally.note("foreign", f"limit {limit}: ended with {status}, {by}")
        run.check(f"limit {limit}")
        run.complete(f"limit {limit}", whole)
    return tally


def concurrent_runs(rng, trials, folder):
    """Several of the main job claim their directories at the same moment."""
    tally = Tally("main jobs that start at once")
    while tally.trials < trials:
        place, count = Path(tempfile.mkdtemp(dir=folder)), int(rng.integers(2, 6))

        def work(number, place=place):
            os.chdir(place)
            with results_directory() as directory:
                (directory / "checkpoint.npz").write_text(str(number))
                time.sleep(0.01)
            return 0

        children = [forked(lambda number=number: work(number)) for number in range(count)]
        ends = [ended(child) for child in children]
        tally.trials += count
        if ends != [(0, None)] * count:
            tally.note("foreign", f"ended with {ends}")
        found = sorted(path.read_text() for path in place.glob("runs/*/checkpoint.npz"))
        if found != sorted(map(str, range(count))):
            tally.note("lost", f"{count} runs left the results {found}")
    return tally


def soak(rng, trials, folder):
    """One training after the other in one process: equal weights, and no more memory, descriptors or threads."""
    tally = Tally("trainings in one process")
    folder = Path(tempfile.mkdtemp(dir=folder))
    first, early = None, None
    for number in range(trials):
        for path in folder.iterdir():
            path.unlink()
        train(folder, epochs=1)
        tally.trials += 1
        arrays = read_facts(folder / "checkpoint.npz")[0]
        first = arrays if first is None else first
        if not all(np.array_equal(arrays[name], first[name]) for name in first):
            tally.note("wrong", f"training {number} ended with other weights")
        if number == trials // 5:
            early = usage()
    late = usage()
    tally.about = {f"{name} after a fifth, at the end": [early[name], late[name]] for name in late}
    if late["memory in MB"] > early["memory in MB"] + 8 or late["descriptors"] > early["descriptors"]:
        tally.note("wrong", f"from {early} to {late}")
    if late["threads"] > early["threads"]:
        tally.note("wrong", f"from {early} to {late}")
    return tally


def usage():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {"memory in MB": round(int(status["VmRSS"].split()[0]) / 1024, 1), "threads": int(status["Threads"]),
            "descriptors": len(os.listdir("/proc/self/fd"))}  # fmt: skip




