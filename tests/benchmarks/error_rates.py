"""Test errors of the recipes over several seeds: the results table of the README, and its picture.

Trains LeNet-5 once for every recipe, with and without distortions, and seed, on all of MNIST; each finished run is
a line of JSON. Stop it at any time: the same command goes on, within a run too. With --validation the last 10,000
training digits take the place of the test set, which is how hyper-parameters are chosen; --set changes one.

    python tests/benchmarks/error_rates.py --data DIR --jobs 2
    python tests/benchmarks/error_rates.py --data DIR --validation --runs default --seeds 2 --set lr=0.003
"""

import argparse
import json
import multiprocessing
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import minicnn as mc
from minicnn.files import atomic_write
from minicnn.training import RECIPES, fit

RESULTS = Path(__file__).parent / "results"
RUNS = ("default", "default+distort", "long", "long+distort", "paper", "paper-steady", "paper-steady+distort")
PAPER = {"test": 0.0095, "test with distortions": 0.0080, "train after 19 passes": 0.0035}
"""What LeCun et al. 1998 report, section III.C."""


def train_once(name, seed, changes, data, validation, epochs, scratch):
    """One run -> its line of the results."""
    recipe_name, *distort = name.split("+")
    recipe = replace(RECIPES[recipe_name], **changes)
    train, test = mc.data.load_mnist(data, progress=False)
    if validation:
        train, test = train.subset(slice(0, 50_000)), train.subset(slice(50_000, None))
    net = mc.models.lenet5(rng=seed, init=recipe.initialiser())
    optimizer, loss = recipe.make_optimizer(net.parameters()), recipe.make_loss()
    checkpoint = scratch / f"{name}-{seed}.npz"
    history = fit(
        net, loss, optimizer, train, test, epochs=epochs or recipe.epochs, batch_size=recipe.batch_size,
        schedule=recipe.make_schedule(), seed=seed, augment=mc.data.Distortion() if distort else None,
        checkpoint=checkpoint, resume=checkpoint if checkpoint.exists() else None, progress=False,
    )  # fmt: skip
    checkpoint.unlink()
    line = {
        "run": name, "seed": seed, "test_error": history[-1]["test_error"],
        "train_error": mc.training.evaluate(net, train).error_rate,
        "seconds": round(sum(r["seconds"] for r in history), 1),
        "augment_seconds": round(sum(r.get("augment_seconds", 0) for r in history), 1),
        "test_errors": [r["test_error"] for r in history], "train_errors": [r["train_error"] for r in history],
    }  # fmt: skip
    if "step_min" in history[0]:
        line["steps"] = [[r["step_min"], r["step_max"]] for r in history]
    return line


class Results:
    """A file of JSON lines: what the runs have in common, then a line each. Raises SystemExit for other settings."""

    def __init__(self, path, settings):
        self.path, self.lines = path, []
        if path.exists():
            first, *self.lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
            if first != settings:
                raise SystemExit(
                    f"error: {path} was made with other settings: {first}, not {settings}; give another --output"
                )
        self.settings = settings

    def done(self, run, seed):
        return any((line["run"], line["seed"]) == (run, seed) for line in self.lines)

    def add(self, line):
        self.lines.append(line)
        self.lines.sort(key=lambda line: (line["run"], line["seed"]))
        with atomic_write(self.path, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in (self.settings, *self.lines))


def table(lines):
    """The README's table: a row a run, median and range over its seeds."""
    rows = ["| recipe | seeds | test error, last pass: median (min–max) | training error, median | seconds a run |",
            "|---|---|---|---|---|"]  # fmt: skip
    for name in dict.fromkeys(line["run"] for line in lines):
        of_run = [line for line in lines if line["run"] == name]
        test, train, seconds = ([line[key] for line in of_run] for key in ("test_error", "train_error", "seconds"))
        rows.append(
            f"| {name} | {len(of_run)} | {statistics.median(test):.2%} ({min(test):.2%}–{max(test):.2%}) "
            f"| {statistics.median(train):.2%} | {statistics.median(seconds):.0f} |"
        )
    return "\n".join(rows)


def draw(lines, path):
    """Training and test error against passes, each seed a thin line and the median a thick one, a panel a run.

    Runs that have learnt nothing have no panel: their errors lie far above the axis.
    """
    from minicnn.plots.canvas import BLUE, GREY, ORANGE, sheet

    names = list(dict.fromkeys(line["run"] for line in lines if line["test_error"] < 0.06))
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
            axes.set(title=name, xlabel="pass", yscale="log", ylim=(0.2, 6))
            axes.set_yticks([0.2, 0.35, 0.5, 0.95, 2, 5], ["0.2", "0.35", "0.5", "0.95", "2", "5"])
            axes.minorticks_off()
            axes.grid(axis="y", color="0.88")
        for axes in panels[::columns]:
            axes.set_ylabel("misread (%)")
        figure.suptitle("LeNet-5: error against passes over the training set")
        figure.get_layout_engine().set(rect=(0, 0.08, 1, 0.92))  # the legend stands below all panels
        figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="DIR", help="directory with the MNIST files (default: as in lenet5_mnist.py)")
    add("--runs", nargs="+", choices=RUNS, default=RUNS, metavar="RUN", help=f"of {', '.join(RUNS)} (default: all)")
    add("--seeds", type=int, default=5, metavar="N", help="seeds 0 ... N - 1 (default: %(default)s)")
    add("--epochs", type=int, metavar="N", help="stop after N passes of the recipe's schedule (default: all)")
    add("--jobs", type=int, default=1, metavar="N", help="runs at the same time (default: %(default)s)")
    add("--validation", action="store_true", help="train on 50,000 digits and test on the other 10,000 of them")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="change the recipe, for instance lr=0.003")
    add("--output", type=Path, metavar="FILE", help="default: results/error_rates.jsonl beside this script")
    add("--print", action="store_true", help="print the table of what is there already and train nothing")
    add("--picture", type=Path, metavar="FILE", help="draw the errors against passes there (PNG)")
    args = parser.parse_args()
    changes = dict(item.split("=", 1) for item in args.set)
    changes = {name: type(getattr(RECIPES["default"], name))(value) for name, value in changes.items()}
    output = args.output or RESULTS / "error_rates.jsonl"
    settings = {"validation": args.validation, "changes": changes}
    results = Results(output, settings)
    if not args.print:
        work_off(args, changes, results)
    print(table(results.lines))
    if args.picture and results.lines:
        draw(results.lines, args.picture)
    return 0


def work_off(args, changes, results):
    scratch = results.path.with_suffix(".running")
    scratch.mkdir(parents=True, exist_ok=True)
    todo = [(run, seed) for run in args.runs for seed in range(args.seeds) if not results.done(run, seed)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=context) as pool:
        how = changes, args.data, args.validation, args.epochs, scratch
        running = [pool.submit(train_once, run, seed, *how) for run, seed in todo]
        try:
            for future in as_completed(running):
                line = future.result()
                results.add(line)
                print(f"{line['run']:22} seed {line['seed']}  test error {line['test_error']:.2%}  "
                      f"training error {line['train_error']:.2%}  {line['seconds']:.0f} s", flush=True)  # fmt: skip
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            sys.exit("stopped; the same command goes on")
    scratch.rmdir()


if __name__ == "__main__":
    sys.exit(main())
