"""Images a second of each version in examples/how_it_got_fast, and how much each is faster than the one before.

All versions in turn, a round each, many rounds: the ratio of two neighbours is taken within a round, where both had the
same machine, and its median over the rounds is reported. So it stands even where other programs take their share.

    python tests/benchmarks/how_it_got_fast.py --output tests/benchmarks/results/how_it_got_fast.json
    python tests/benchmarks/how_it_got_fast.py --draw      # the picture and the table of docs/how-it-got-fast.md

Needs Numba; nothing is measured on a GPU.
"""

import argparse
import json
import os
import re
import statistics
import sys
from itertools import pairwise
from pathlib import Path

from threadpoolctl import threadpool_limits

from minicnn.files import atomic_write

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "how_it_got_fast"))
import compare
import train_step

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results" / "how_it_got_fast.json"
PICTURE, DOCUMENT = RESULTS.with_suffix(".png"), ROOT / "docs" / "how-it-got-fast.md"
WORDS = {
    "six_loops": "six loops in Python", "im2col": "im2col, a map at a time", "one_product": "one matrix product",
    "samples_innermost": "samples innermost", "compiled_loops": "compiled loops", "threads": "threads",
}  # fmt: skip


def measure(rounds, seconds):
    x, k, b = compare.layer()
    runs = {name: compare.prepared(name, x, k, b) for name in compare.VERSIONS}
    for run, _ in runs.values():
        run()
    speeds, loads = {name: [] for name in runs}, []
    with threadpool_limits(1):  # the product's own threads: what threads bring is measured by itself
        for count in range(rounds):
            loads.append(os.getloadavg()[0] if hasattr(os, "getloadavg") else None)
            for name, (run, samples) in runs.items():
                speeds[name].append(compare.images_a_second(run, samples, seconds))
            print(f"round {count + 1}/{rounds}", end="\r", file=sys.stderr, flush=True)
    return speeds, loads


def summary(speeds, loads, rounds):
    names = list(speeds)
    ratios = {later: statistics.median(b / a for a, b in zip(speeds[earlier], speeds[later]))
              for earlier, later in pairwise(names)}  # fmt: skip
    about = train_step.about(rounds, None)
    about = {key: about[key] for key in ("python", "numpy", "numba", "processor", "vectors", "cores", "rounds")}
    if None not in loads:
        about["load_average"] = {"least": round(min(loads), 2), "median": round(statistics.median(loads), 2)}
    return {
        "about": about, "products_an_image": compare.PRODUCTS,
        "images_per_second": {name: round(statistics.median(values), 1) for name, values in speeds.items()},
        "best_images_per_second": {name: round(max(values), 1) for name, values in speeds.items()},
        "times_the_one_before": {name: round(ratio, 3) for name, ratio in ratios.items()},
    }  # fmt: skip


def table(results):
    """The table of the document, and the sentence under it."""
    rows = ["| version | images a second, median | best round | times the one before |", "|---|---|---|---|"]
    for name, speed in results["images_per_second"].items():
        ratio = results["times_the_one_before"].get(name)
        best = results["best_images_per_second"][name]
        rows.append(f"| `{name}.py` | {speed:,.0f} | {best:,.0f} | {times(ratio) if ratio else ''} |")
    about = results["about"]
    gigaflops = {name: 2 * results["products_an_image"] * speed / 1e9
                 for name, speed in results["best_images_per_second"].items()}  # fmt: skip
    load = about.get("load_average")
    busy = f" Load average: {load['least']} at least, {load['median']} in the median." if load else ""
    if load and load["median"] > about["cores"]:
        busy += " Other programs wanted the same cores, so threads bring less here than on a quiet machine."
    rows += ["", f"{about['rounds']} rounds, the versions in turn, ratios within a round, on {about['cores']} cores of "
             f"an {about['processor']} with {about['vectors']}: Python {about['python']}, NumPy {about['numpy']}, "
             f"Numba {about['numba']}.{busy} In its best round `compiled_loops.py` computes "
             f"{gigaflops['compiled_loops']:.0f} GFLOP/s on one core, `six_loops.py` "
             f"{gigaflops['six_loops']:.3f}."]  # fmt: skip
    return "\n".join(rows)


def times(ratio):
    """A ratio with two decimals where they matter."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"


def draw(results, path):
    from minicnn.plots.canvas import BLUE, GREY, ORANGE, sheet

    speeds, ratios = results["images_per_second"], results["times_the_one_before"]
    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        figure.suptitle("One convolution, six times: images a second, and times the version before", x=0.01, ha="left")
        names = list(speeds)
        colours = [ORANGE] + [BLUE] * (len(names) - 1)
        axes.barh(range(len(names)), speeds.values(), color=colours, height=0.7)
        for place, name in enumerate(names):
            more = f"   {times(ratios[name])} times" if name in ratios else ""
            axes.text(speeds[name], place, f" {speeds[name]:,.0f}{more}", va="center")
        axes.set_yticks(range(len(names)), [WORDS[name] for name in names])
        axes.set(xscale="log", xlabel="images a second through LeNet-5's C3, all maps connected; logarithmic",
                 xlim=(min(speeds.values()) / 2, 30 * max(speeds.values())))  # fmt: skip
        axes.tick_params(axis="y", length=0, labelcolor=GREY)
        axes.invert_yaxis()


def write_document(results):
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = r"(<!-- versions: .*? -->\n).*?(<!-- end -->)"
    text, count = re.subn(pattern, lambda match: f"{match[1]}{table(results)}\n{match[2]}", text, flags=re.S)
    assert count == 1, f"{DOCUMENT} must have the marker '<!-- versions: ... -->' once, found {count}"
    with atomic_write(DOCUMENT, "w") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.15, help="of a version's turn (default: %(default)g)")
    parser.add_argument("--output", type=Path, help="where to write the numbers, as JSON")
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw what is in results, and its table")
    args = parser.parse_args()
    if args.draw:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
        draw(results, PICTURE)
        write_document(results)
        return
    results = summary(*measure(args.rounds, args.seconds), args.rounds)
    if args.output:
        with atomic_write(args.output, "w") as file:
            file.write(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
