"""Test errors of the recipes over several seeds: the results table of the README, and its picture.

Trains LeNet-5 once for every recipe, with and without distortions, and seed, on all of MNIST; each finished run is
a line of JSON with its settings. Stop it at any time: the same command goes on, within a run too. With --validation the
last 10,000 training digits take the place of the test set, which is how settings are chosen; --set changes some.

    python tests/benchmarks/error_rates.py --data DIR --jobs 2
    mpiexec -n 65 python -m mpi4py.futures tests/benchmarks/error_rates.py --data DIR   (64 at a time, on any machines)
    python tests/benchmarks/error_rates.py --data DIR --validation --runs default --set lr=0.003 --output trials.jsonl
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import minicnn as mc
from minicnn.backend.cores import available_cores
from minicnn.files import atomic_write
from minicnn.ranks.launcher import launched
from minicnn.training import RECIPES, AveragedNetwork, Recipe, fit

RESULTS = Path(__file__).parent / "results"
RUNS = (*RECIPES, *(f"{recipe}+distort" for recipe in RECIPES))
PAPER = {"test": 0.0095, "test with distortions": 0.0080, "train after 19 passes": 0.0035}
"""What LeCun et al. 1998 report, section III.C."""


@dataclass(frozen=True)
class Run:
    """One way of training, whatever the seed; average: the decay of an average of the weights, 0 for none."""

    name: str
    recipe: Recipe
    distortion: mc.data.Distortion | None
    average: float
    passes: int
    validation: bool

    @classmethod
    def named(cls, name, changes=(), passes=None, validation=False):
        """The recipe ``name``, ``name+distort`` too, with changes NAME=VALUE of the recipe, the distortions or average.

        Raises ValueError for a change of something that neither has, or to a value that it cannot take.
        """
        base, *distort = name.split("+")
        recipe, average = RECIPES[base], 0.0
        distortion = recipe.distortion if distort else None
        ranges = asdict(distortion) if distortion else {}
        for change in changes:
            key, _, value = change.partition("=")
            if key in ranges:
                distortion = replace(distortion, **{key: float(value)})
            elif key in recipe.settings():
                recipe = replace(recipe, **{key: type(getattr(recipe, key))(value)})
            elif key == "average":
                average = float(value)
            else:
                known = ", ".join((*recipe.settings(), *ranges, "average"))
                raise ValueError(f"--set takes NAME=VALUE with a name of {known}; got {change!r} for {name}")
        return cls(" ".join((name, *changes)), recipe, distortion, average, passes or recipe.epochs, validation)

    def settings(self):
        """All that a result depends on but the seed and the code."""
        distortion = asdict(self.distortion) if self.distortion else None
        how = {"average": self.average, "distortion": distortion, "passes": self.passes, "validation": self.validation}
        return {**self.recipe.settings(), **how}

    def __call__(self, seed, data, scratch, threads=None, networks=None):
        """Train, resuming what an interrupted call left in the directory scratch -> its line of the results.

        networks: a directory for the trained network, see ``kept``.
        Raises ValueError if what was left has other settings, KeyboardInterrupt if Ctrl-C stops this call, too.
        """
        train, test = mc.data.load_mnist(data, progress=False)
        if self.validation:
            train, test = train.subset(slice(0, 50_000)), train.subset(slice(50_000, None))
        recipe, settings, checkpoint = self.recipe, self.settings(), scratch / f"{self.name}-{seed}.npz"
        resume = checkpoint if checkpoint.exists() else None
        if resume and (begun := mc.training.read_facts(checkpoint)[1]["config"]) != settings:
            raise ValueError(f"{checkpoint} was begun with {begun}, not {settings}: remove it to begin anew")
        net = mc.models.lenet5(rng=seed, **recipe.network())
        average = AveragedNetwork(net, self.average) if self.average else None
        history = fit(
            net, recipe.make_loss(), recipe.make_optimizer(net.parameters()), train, test, epochs=self.passes,
            batch_size=recipe.batch_size, schedule=recipe.make_schedule(), seed=seed, augment=self.distortion,
            threads=threads, average=average, checkpoint=checkpoint, resume=resume, config=settings, progress=False,
        )  # fmt: skip
        if history.interrupted:
            raise KeyboardInterrupt
        key, result = ("average_test_error", average.network) if average else ("test_error", net)
        line = {
            "run": self.name, "seed": seed, "test_error": history[-1][key],
            "train_error": mc.training.evaluate(result, train).error_rate,
            "seconds": round(sum(r["seconds"] for r in history), 1),
            "augment_seconds": round(sum(r.get("augment_seconds", 0) for r in history), 1),
            "test_errors": [r[key] for r in history], "train_errors": [r["train_error"] for r in history],
        }  # fmt: skip
        if average:
            line["test_errors_without_average"] = [r["test_error"] for r in history]
        if "step_min" in history[0]:
            line["steps"] = [[r["step_min"], r["step_max"]] for r in history]
        if networks:
            result.save(self.kept(networks, seed))
        checkpoint.unlink()
        return {**line, "settings": settings}

    def kept(self, networks, seed):
        """Where the network of a finished run lies."""
        return networks / f"{self.name}-{seed}.npz"

    def together(self, seeds, data, networks):
        """The line of the ensembles: what the networks of all seeds say on average; None if one is not there."""
        paths = [self.kept(networks, seed) for seed in range(seeds)]
        if not all(path.exists() for path in paths):
            return None
        _, test = mc.data.load_mnist(data, progress=False)
        ensemble = mc.Ensemble(mc.models.lenet5().load(path) for path in paths)
        alone = [mc.training.evaluate(net, test).error_rate for net in ensemble.networks]
        return {"run": self.name, "seed": seeds, "test_error": mc.training.evaluate(ensemble, test).error_rate,
                "alone": alone, "settings": self.settings()}  # fmt: skip


class Results:
    """A file of JSON lines, one a run and seed, in the order of both."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def lacking(self, runs, seeds):
        """The (run, seed) that are still to be trained.

        Raises ValueError if the file has one of the runs with other settings, or was made on other test digits.
        """
        lines = self.lines()
        for run in runs:
            now = run.settings()
            for line in lines:
                then = line["settings"]
                keys = sorted(then.keys() | now.keys()) if line["run"] == run.name else ["validation"]
                if other := {key: then.get(key) for key in keys if then.get(key) != now.get(key)}:
                    asked = {key: now.get(key) for key in other}
                    raise ValueError(f"{self.path} has {line['run']} with {other}, not {asked}: give another --output")
        done = {(line["run"], line["seed"]) for line in lines}
        return [(run, seed) for run in runs for seed in seeds if (run.name, seed) not in done]

    def add(self, line):
        """Put a line in its place; what other processes have added meanwhile stays."""
        lines = sorted((*self.lines(), line), key=lambda line: (line["run"], line["seed"]))
        with atomic_write(self.path, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


def table(lines, ensembles=()):
    """A row a run, median and range over its seeds; ensembles: the lines of ``Run.together``, for a column more."""
    kind = "validation" if any(line["settings"]["validation"] for line in lines) else "test"
    together = {line["run"]: f"{line['test_error']:.2%} |" for line in ensembles}
    head = ["recipe", "seeds", f"{kind} error, last pass: median (min–max)", "training error, median", "seconds a run"]
    head += ["all seeds' networks together"] if together else []
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in dict.fromkeys(line["run"] for line in lines):
        of_run = [line for line in lines if line["run"] == name]
        test, train, seconds = ([line[key] for line in of_run] for key in ("test_error", "train_error", "seconds"))
        rows.append(
            f"| {name} | {len(of_run)} | {statistics.median(test):.2%} ({min(test):.2%}–{max(test):.2%}) "
            f"| {statistics.median(train):.2%} | {statistics.median(seconds):.0f} |"
            + (f" {together.get(name, '– |')}" if together else "")
        )
    return "\n".join(rows)


def draw(lines, path):
    """Training and test error against passes, each seed a thin line and the median a thick one, a panel a run.

    Runs that have learnt nothing have no panel: their errors lie far above the axis. Nor have averages of the weights.
    """
    from minicnn.plots.canvas import BLUE, GREY, ORANGE, sheet

    shown = (line["run"] for line in lines if line["test_error"] < 0.06 and " average=" not in line["run"])
    names = list(dict.fromkeys(shown))
    with sheet(path, layout="constrained") as figure:
        columns = min(3, len(names))
        panels = figure.subplots(-(-len(names) // columns), columns, sharey=True, squeeze=False).ravel()
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(panels, names):
            of_run = [line for line in lines if line["run"] == name]
            for key, colour, what in (("train_errors", BLUE, "training"), ("test_errors", ORANGE, "test")):
                curves = [[100 * error for error in line[key]] for line in of_run]
                passes = range(1, len(curves[0]) + 1)
                for curve in curves:
                    axes.plot(passes, curve, color=colour, linewidth=0.7, alpha=0.5)
                axes.plot(passes, [statistics.median(at) for at in zip(*curves)], color=colour, label=what)
            paper = PAPER["test with distortions" if "+distort" in name else "test"]
            axes.axhline(100 * paper, color=GREY, linestyle="--", linewidth=1.5, label="the paper's test error")
            if "+distort" not in name:
                axes.plot(19, 100 * PAPER["train after 19 passes"], "k*", markersize=13, label="its training error")
            axes.set(title=name, xlabel="pass", yscale="log", ylim=(0.05, 6))
            axes.set_yticks([0.05, 0.1, 0.2, 0.35, 0.95, 2, 5], ["0.05", "0.1", "0.2", "0.35", "0.95", "2", "5"])
            axes.minorticks_off()
            axes.grid(axis="y", color="0.88")
        for axes in panels[::columns]:
            axes.set_ylabel("misread (%)")
        figure.suptitle("LeNet-5: error against passes over the training set")
        figure.get_layout_engine().set(rect=(0, 0.08, 1, 0.92))  # the legend stands below all panels
        figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="DIR", help="directory with the MNIST files (default: as in lenet5_mnist.py)")
    add("--runs", nargs="+", choices=RUNS, default=RUNS, metavar="RUN", help=f"of {', '.join(RUNS)} (default: all)")
    add("--seeds", type=count, default=5, metavar="N", help="seeds 0 ... N - 1 (default: %(default)s)")
    add("--epochs", type=count, metavar="N", help="stop after N passes of the recipe's schedule (default: all)")
    add("--jobs", type=count, default=1, metavar="N", help="runs at the same time (default: %(default)s)")
    add("--validation", action="store_true", help="train on 50,000 digits and test on the other 10,000 of them")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="change the recipe or the distortions, for "
        "instance lr=0.003; the run is called so, too")  # fmt: skip
    add("--output", type=Path, metavar="FILE", help="default: error_rates.jsonl, or validation.jsonl, in results/")
    add("--networks", type=Path, metavar="DIR", help="keep every run's network there, and put what those of all seeds "
        "of a run say on average into ensembles.jsonl beside the output")  # fmt: skip
    add("--print", action="store_true", help="print the table of what is there already and train nothing")
    add("--picture", type=Path, metavar="FILE", help="draw the errors against passes there (PNG)")
    args = parser.parse_args(arguments)
    results = Results(args.output or RESULTS / ("validation.jsonl" if args.validation else "error_rates.jsonl"))
    try:
        runs = [Run.named(name, args.set, args.epochs, args.validation) for name in args.runs]
        todo = [] if args.print else results.lacking(runs, range(args.seeds))
        train_all(todo, results, args.data, args.jobs, args.networks)
        if args.networks and not args.validation:
            ensembles = Results(ensembles_beside(results))
            for run, seeds in ensembles.lacking(runs, [args.seeds]):
                if line := run.together(seeds, args.data, args.networks):
                    ensembles.add(line)
    except (mc.errors.MinicnnError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    lines = results.lines()
    print(table(lines, [] if args.validation else Results(ensembles_beside(results)).lines()))
    if args.picture and lines:
        draw(lines, args.picture)


def ensembles_beside(results):
    """Where the lines of the ensembles are."""
    return results.path.with_name("ensembles.jsonl")


def count(text):
    """For argparse: an integer of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return int(text)


def workers(jobs):
    """(what runs jobs, threads for each, which no result depends on): processes here, or those that mpiexec started."""
    if launched(os.environ) > 1:
        from mpi4py.futures import MPIPoolExecutor

        return MPIPoolExecutor(), 1
    spawned = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    return spawned, max(1, available_cores() // jobs)


def train_all(todo, results, data, jobs, networks=None):
    """Train every (run, seed), ``jobs`` at a time, and add each to the results as it ends."""
    scratch = results.path.with_suffix(".running")
    for directory in filter(None, (scratch, networks)):
        directory.mkdir(parents=True, exist_ok=True)
    pool, threads = workers(jobs)
    with pool:
        running = [pool.submit(run, seed, data, scratch, threads, networks) for run, seed in todo]
        try:
            for future in as_completed(running):
                line = future.result()
                results.add(line)
                print(f"{line['run']:22} seed {line['seed']}  test error {line['test_error']:.2%}  "
                      f"training error {line['train_error']:.2%}  {line['seconds']:.0f} s", flush=True)  # fmt: skip
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    with suppress(OSError):  # another process may use it too
        scratch.rmdir()


if __name__ == "__main__":
    main()
