"""Single runs that others have published, and five seeds of ours beside each: EBLearn's test, and the modern variant.

Each finished run is a line of JSON. Stop it at any time: the same command goes on, within a run too.

    python tests/benchmarks/published_runs.py --data DIR --jobs 2
"""

import argparse
import multiprocessing
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.initialisers import inverse_root_fan_in, uniform_fan_in, zeros
from minicnn.models.lenet5 import TABLE_I

sys.path.insert(0, str(Path(__file__).parent))
import error_rates

EBLEARN = {"train_accuracy": 0.9715, "test_accuracy": 0.9580, "digits": 2000, "passes": 5}
"""What EBLearn's tester asserts after five passes over the first 2,000 digits (version of 2009, `NetTest.cpp`)."""
MODERN = {1: (0.42389, 0.8635), 10: (0.04110, 0.9871), 25: (0.01931, 0.9939), 50: (0.00965, 0.9965)}
"""Train loss and accuracy of the published log, by epoch."""
MODERN_TEST = (0.07444, 0.9846)
"""Its last line: test loss and accuracy."""


def eblearn(seed, data, scratch, pixels=mc.data.LENET5_1998):
    """EBLearn's tester: the first 2,000 digits for five passes, one at a time, the diagonal estimated once on 100.

    Ten squashed units with targets ±1 stand in place of F6 and RBF. Their squared distance to the target of a class is
    what an RBF layer with these targets as prototypes computes, and the nearest target is that of the largest unit. The
    criterion is half of it with mu 0.02: the whole with mu 0.04.
    """
    train, test = mc.data.load_mnist(data, progress=False)
    train, test = train.subset(slice(EBLEARN["digits"])), test.subset(slice(4500, 5500))
    how = {"init": uniform_fan_in, "rng": np.random.default_rng(seed)}
    pooling = {**how, "init": inverse_root_fan_in, "bias_init": zeros}
    net = mc.Sequential({
        "C1": mc.Conv2d(1, 6, 5, **how), "C1 squash": mc.ScaledTanh(),
        "S2": mc.Subsampling(6, **pooling), "S2 squash": mc.ScaledTanh(),
        "C3": mc.Conv2d(6, 16, 5, connections=TABLE_I, **how), "C3 squash": mc.ScaledTanh(),
        "S4": mc.Subsampling(16, **pooling), "S4 squash": mc.ScaledTanh(),
        "C5": mc.Conv2d(16, 120, 5, **how), "C5 squash": mc.ScaledTanh(), "flatten": mc.Flatten(),
        "ten": mc.Linear(120, 10, **how), "ten squash": mc.ScaledTanh(), "output": mc.RBF(2 * np.eye(10) - 1),
    }, preprocess=pixels)  # fmt: skip
    optimizer = mc.optim.StochasticDiagonalLM(net.parameters(), 0.0001, mu=0.04, curvature_samples=0)
    rng, loss = np.random.default_rng(seed), mc.losses.RBFLoss()
    some = train.subset(rng.choice(len(train), 100, replace=False))
    optimizer.use_curvature(mc.training.curvature(net, loss, some.images, some.labels))
    mc.training.fit(net, loss, optimizer, train, epochs=EBLEARN["passes"], batch_size=1, seed=rng, threads=1,
                    progress=False)  # fmt: skip
    accuracies = (1 - mc.training.evaluate(net, part).error_rate for part in (train, test))
    return dict(zip(("train_accuracy", "test_accuracy"), accuracies))


def modern(seed, data, scratch):
    """50 epochs of ``examples/lenet_modern.py``."""
    train, test = mc.data.load_mnist(data, progress=False)
    net, loss = mc.models.lenet_modern(rng=seed), mc.losses.CrossEntropyLoss(reduction="sum")
    checkpoint = scratch / f"modern-{seed}.npz"
    history = mc.training.fit(
        net, loss, mc.optim.SGD(net.parameters(), 1e-3), train, epochs=50, batch_size=64, seed=seed, threads=1,
        checkpoint=checkpoint, resume=checkpoint if checkpoint.exists() else None, progress=False,
    )  # fmt: skip
    if history.interrupted:
        raise KeyboardInterrupt
    result = mc.training.evaluate(net, test, loss)
    checkpoint.unlink()
    return {
        "test_loss": result.loss, "test_accuracy": 1 - result.error_rate,
        "train_losses": [r["train_loss"] for r in history],
        "train_accuracies": [1 - r["train_error"] for r in history],
    }  # fmt: skip


RUNS = {
    "eblearn": eblearn,
    "eblearn, its pixels": partial(eblearn, pixels=mc.data.Pixels(0.0, 2.55, 32)),
    "modern": modern,
}
"""EBLearn's pixels are a hundredth of the byte."""


def eblearn_table(lines):
    rows = ["| five passes over 2,000 digits | right of these | right of 1,000 test digits |", "|---|---|---|",
            f"| EBLearn, one run | {EBLEARN['train_accuracy']:.2%} | {EBLEARN['test_accuracy']:.2%} |"]  # fmt: skip
    for name, words in (("eblearn", "pixels -0.1 to 1.175"), ("eblearn, its pixels", "its pixels, 0 to 2.55")):
        of_run = [line for line in lines if line["run"] == name]
        cells = [spread([line[key] for line in of_run]) for key in ("train_accuracy", "test_accuracy")]
        rows.append(f"| minicnn, {words}: mean ± deviation of {len(of_run)} seeds | {' | '.join(cells)} |")
    return "\n".join(rows)


def spread(values):
    return f"{statistics.mean(values):.2%} ± {statistics.stdev(values):.2%}"


def modern_table(lines):
    of_run = [line for line in lines if line["run"] == "modern"]
    rows = [f"| epoch | published: loss, accuracy | ours, {len(of_run)} seeds: loss, median (min–max) | accuracy |",
            "|---|---|---|---|"]  # fmt: skip
    for epoch, (loss, accuracy) in MODERN.items():
        losses, accuracies = ([line[key][epoch - 1] for line in of_run] for key in ("train_losses", "train_accuracies"))
        rows.append(f"| {epoch} | {loss:.5f}, {accuracy:.2%} | {middle(losses, '.5f')} | {middle(accuracies, '.2%')} |")
    losses, accuracies = ([line[key] for line in of_run] for key in ("test_loss", "test_accuracy"))
    loss, accuracy = MODERN_TEST
    rows.append(f"| test digits | {loss:.5f}, {accuracy:.2%} | {middle(losses, '.5f')} | {middle(accuracies, '.2%')} |")
    return "\n".join(rows)


def middle(values, form):
    median, least, most = (format(f(values), form) for f in (statistics.median, min, max))
    return f"{median} ({least}–{most})"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="DIR", help="directory with the MNIST files (default: as in lenet5_mnist.py)")
    add("--runs", nargs="+", choices=RUNS, default=list(RUNS), metavar="RUN", help=f"of {', '.join(RUNS)}")
    add("--seeds", type=error_rates.count, default=5, metavar="N", help="seeds 0 ... N - 1 (default: %(default)s)")
    add("--jobs", type=error_rates.count, default=1, metavar="N", help="runs at the same time (default: %(default)s)")
    add("--output", type=Path, default=error_rates.RESULTS / "published_runs.jsonl", metavar="FILE",
        help="default: published_runs.jsonl in results/")  # fmt: skip
    args = parser.parse_args(arguments)
    results, scratch = error_rates.Results(args.output), args.output.with_suffix(".running")
    done = {(line["run"], line["seed"]) for line in results.lines()}
    todo = [(name, seed) for name in args.runs for seed in range(args.seeds) if (name, seed) not in done]
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        with ProcessPoolExecutor(args.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            running = {pool.submit(RUNS[name], seed, args.data, scratch): (name, seed) for name, seed in todo}
            for future in as_completed(running):
                name, seed = running[future]
                results.add({"run": name, "seed": seed, **future.result()})
                accuracy = future.result()["test_accuracy"]
                print(f"{name}, seed {seed}: {accuracy:.2%} of the test digits right", flush=True)
    except mc.errors.MinicnnError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    with suppress(OSError):  # another process may use it too
        scratch.rmdir()
    lines = results.lines()
    if {"eblearn", "eblearn, its pixels"} <= {line["run"] for line in lines}:
        print(eblearn_table(lines))
    if "modern" in {line["run"] for line in lines}:
        print(modern_table(lines))


if __name__ == "__main__":
    main()
