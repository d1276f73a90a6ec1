"""Writes the tables of README.md and docs/, between their markers, from what tests/ keeps as results.

    python tests/benchmarks/tables.py
"""

import json
import re
import statistics
import sys
import textwrap
from pathlib import Path

from minicnn.files import atomic_write
from minicnn.training import RECIPES

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "foreign"))
sys.path.insert(1, str(Path(__file__).parents[1] / "stress"))
import error_rates
import gpu
import gpu_profile
import published_runs
import scaling
import table as foreign_table
import tally
from train_step import FLOPS_AN_IMAGE, ONE_THREAD, REFERENCE

ROOT, RESULTS = Path(__file__).parents[2], error_rates.RESULTS


HOW_IT_GOT_THERE = (
    (
        ("mini-batches and equation 8", "default loss=rbf weight_decay=0"), ("weight decay", "default loss=rbf"),
        ("equation 9, j = 10", "default"), ("more passes, less weight decay", "default epochs=80 weight_decay=0.003"),
        ("dropout", "default dropout=0.15 epochs=80 weight_decay=0.003"),
    ),
    (
        ("the paper's steps and equation 8", "paper loss=rbf"), ("equation 9, j = 10", "paper"),
        ("an average of the weights", "paper average=0.99998"),
        ("a rate that stays", "paper schedule=held average=0.99998"),
    ),
    (
        ("mini-batches, distortions", "default+distort epochs=40"), ("more passes", "default+distort epochs=60"),
        ("less weight decay", "default+distort epochs=60 weight_decay=0.003"),
        ("elastic distortions, more passes", "long+distort"),
    ),
)  # fmt: skip
"""(ingredient, run of ``trials``) one after the other."""


STEPS = "7e-5 to 0.016"
"""Step sizes of the first pass, says the paper (section III.B)."""


def load(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def lines_of(name):
    return [json.loads(line) for line in (RESULTS / name).read_text(encoding="utf-8").splitlines()]


def speed():
    """Images a second of every candidate, and its ratio to PyTorch eager; with narrower vectors, too, if measured."""
    parts = [speed_of(load("train_step.json"))]
    if (RESULTS / "train_step_avx2.json").exists():
        parts += ["", speed_of(load("train_step_avx2.json"))]
    return "\n".join(parts)


def speed_of(results):
    """A table of one file, and the sentences under it."""
    about, speeds = results["about"], results["images_per_second"]
    every = f"minicnn, {about['cores']} thread{'s'[: about['cores'] > 1]}"
    names = dict.fromkeys((REFERENCE, "minicnn, 1 thread", every))  # then the others, as they come
    names = list(names | dict.fromkeys(name for of_task in speeds.values() for name in of_task))
    rows = ["| images a second | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    for task, of_task in speeds.items():
        cells = [cell(of_task, name) for name in names]
        rows.append(f"| {task} | " + " | ".join(cells) + " |")
    memory, seconds = results["peak_memory_mb"], results["seconds_to_first_step"]
    cells = [f"{memory[name]:.0f} MB" if name in memory else "–" for name in names]
    rows.append("| peak memory, training on 60,000 digits | " + " | ".join(cells) + " |")
    peak, vectors = results["matrix_product_flops"], about["vectors"]
    if vectors != about["widest_vectors"]:
        vectors = f"**{vectors} only**, though it has {about['widest_vectors']}"
    share = speeds["LeNet-5 step, batch 64"][every] * FLOPS_AN_IMAGE / peak
    versions = ", ".join(f"{who} {about[package]}" for who, package in
                         (("Python", "python"), ("NumPy", "numpy"), ("Numba", "numba"), ("PyTorch", "torch"),
                          ("JAX", "jax")))  # fmt: skip
    megabytes = memory["minicnn, while compiling"]
    rows += ["", f"Medians of {about['rounds']} rounds, the candidates in turn, on {about['cores']} cores of an "
             f"{about['processor']} with {vectors}: {versions}. {REFERENCE} uses all cores ({ONE_THREAD}: one). The "
             f"machine's own float32 matrix products run at {peak / 1e9:.0f} GFLOP/s; a training step of LeNet-5 in "
             f"batches of 64 reaches {share:.0%} of that. From the start of a process to its first step take "
             f"{seconds['compiling']:.0f} s where loops must be compiled ({megabytes:.0f} MB), "
             f"and {seconds['loading']:.1f} s from then on."]  # fmt: skip
    return "\n".join(rows)


def cell(speeds, name):
    if name not in speeds:
        return "–"
    ratio = "" if name == REFERENCE else f" ({speeds[name] / speeds[REFERENCE]:.1f}x)"
    return f"{speeds[name]:,.0f}{ratio}"


def summary():
    """The README's one table: errors beside the paper's, speed beside PyTorch's."""
    lines, speeds = lines_of("error_rates.jsonl"), load("train_step.json")
    cores, speeds = speeds["about"]["cores"], speeds["images_per_second"]
    ours = f"minicnn, {cores} thread{'s'[: cores > 1]}"
    device = load("gpu.json")
    on_it = [device["speed"]["64"][name]["images_per_second"]
             for name in ("minicnn, captured", "PyTorch, CUDA graph", "PyTorch eager")]  # fmt: skip

    medians = {run: statistics.median(line["test_error"] for line in lines if line["run"] == run)
               for run in dict.fromkeys(line["run"] for line in lines)}  # fmt: skip
    together = next(line for line in lines_of("ensembles.jsonl") if line["run"] == "long+distort")

    def row(words, task):
        mine, theirs = speeds[task][ours], speeds[task][REFERENCE]
        return f"| {words} | {mine:,.0f}, **{mine / theirs:.1f} times** as many | {theirs:,.0f} in PyTorch |"

    return "\n".join([
        "| | minicnn | to compare with |", "|---|---|---|",
        f"| test error, the recipe of 1998 | {medians['paper']:.2%} | {error_rates.PAPER['test']:.2%} in the paper |",
        f"| the same on distorted digits | {medians['paper+distort']:.2%} | "
        f"{error_rates.PAPER['test with distortions']:.2%} in the paper |",
        f"| test error, the recipe `dropout` | {medians['dropout']:.2%} | |",
        f"| test error, the recipe `long` on distorted digits | {medians['long+distort']:.2%} | |",
        f"| {together['seed']} such networks together | {together['test_error']:.2%} | |",
        row(f"images a second, training in batches of 64, {cores} cores", "LeNet-5 step, batch 64"),
        row(f"images a second, prediction, {cores} cores", "prediction of 10,000 digits"),
        f"| images a second, training in batches of 64, {device['about']['device']} | {on_it[0]:,.0f}, "
        f"**{on_it[0] / on_it[1]:.1f} times** as many | {on_it[1]:,.0f} in PyTorch with a CUDA graph, {on_it[2]:,.0f} "
        "without |",
    ])  # fmt: skip


def errors():
    return error_rates.table(lines_of("error_rates.jsonl"), lines_of("ensembles.jsonl"))


def trials():
    return error_rates.table(lines_of("validation.jsonl"))


def how_it_got_there():
    """What each ingredient gives, by the medians of ``trials``."""
    lines = [*lines_of("validation.jsonl"), *lines_of("paper_trials.jsonl")]
    rows = ["| ingredient | run | seeds | validation error, median | change |", "|---|---|---|---|---|"]
    for chain in HOW_IT_GOT_THERE:
        before = None
        for ingredient, run in chain:
            errors = [line["test_error"] for line in lines if line["run"] == run]
            median = statistics.median(errors)
            change = "" if before is None else f"{100 * (median - before):+.2f}"
            rows.append(f"| {ingredient} | {run} | {len(errors)} | {median:.2%} | {change} |")
            before = median
    return "\n".join(rows)


def reproduction():
    """What the paper reports beside ``paper``."""
    lines = lines_of("error_rates.jsonl")
    plain, distorted = ([line for line in lines if line["run"] == run] for run in ("paper", "paper+distort"))
    after_19 = [line["train_errors"][18] for line in plain]
    ends = zip(*(line["steps"][0] for line in plain))
    theirs = error_rates.PAPER
    return "\n".join([
        f"| | the paper | `paper`, {len(plain)} seeds: median (min–max) |",
        "|---|---|---|",
        f"| test error | {theirs['test']:.2%} | {spread([line['test_error'] for line in plain])} |",
        f"| test error, distorted digits added | {theirs['test with distortions']:.2%} "
        f"| {spread([line['test_error'] for line in distorted])} |",
        f"| training error after 19 passes | {theirs['train after 19 passes']:.2%} | {spread(after_19)} |",
        f"| steps in the first pass | {STEPS} | {' to '.join(f'{statistics.median(end):.1e}' for end in ends)} |",
    ])  # fmt: skip


def spread(errors):
    return f"{statistics.median(errors):.2%} ({min(errors):.2%}–{max(errors):.2%})"


def steps():
    """The range of the step sizes of ``paper``, pass by pass."""
    lines = [line for line in lines_of("error_rates.jsonl") if line["run"] == "paper"]
    rows = ["| pass | eta | smallest step | largest step | the paper says |", "|---|---|---|---|---|"]
    schedule = RECIPES["paper"].make_schedule()
    for number in (1, 2, 3, 6, 9, 13, 20):
        ranges = [line["steps"][number - 1] for line in lines]
        smallest, largest = (f"{statistics.median(r[end] for r in ranges):.1e}" for end in (0, 1))
        theirs = STEPS if number == 1 else ""
        rows.append(f"| {number} | {schedule(number - 1):g} | {smallest} | {largest} | {theirs} |")
    return "\n".join(rows)


def paper_trials():
    """Readings of the paper over its 20 passes, on the validation digits."""
    lines = lines_of("paper_trials.jsonl")
    rows = ["| recipe | seeds | validation error: median (min–max) | training error, pass 19 | steps, last pass |",
            "|---|---|---|---|---|"]  # fmt: skip
    for name in dict.fromkeys(line["run"] for line in lines):
        of_run = [line for line in lines if line["run"] == name]
        smallest, largest = (f"{statistics.median(end):.1e}" for end in zip(*(line["steps"][-1] for line in of_run)))
        after_19 = spread([line["train_errors"][18] for line in of_run])
        test = spread([line["test_error"] for line in of_run])
        rows.append(f"| {name} | {len(of_run)} | {test} | {after_19} | {smallest} to {largest} |")
    return "\n".join(rows)


def first_passes():
    """Other readings: errors on the validation digits after each of the first passes."""
    lines = lines_of("paper_first_passes.jsonl")
    passes = range(1, len(lines[0]["test_errors"]) + 1)
    rows = ["| recipe | seeds | " + " | ".join(f"pass {number}" for number in passes) + " |"]
    rows.append("|---" * (len(passes) + 2) + "|")
    for name in dict.fromkeys(line["run"] for line in lines):
        curves = [line["test_errors"] for line in lines if line["run"] == name]
        medians = [f"{statistics.median(at):.2%}" for at in zip(*curves)]
        rows.append(f"| {name} | {len(curves)} | {' | '.join(medians)} |")
    return "\n".join(rows)


def eblearn():
    return published_runs.eblearn_table(lines_of("published_runs.jsonl"))


def modern():
    """Five runs of the modern variant beside the published one."""
    return published_runs.modern_table(lines_of("published_runs.jsonl"))


def stress():
    """Faults, how often each was tried, and what came of it."""
    return tally.table(load("stress.json"))


def page():
    """How quick the page is, in words."""
    p = load("page.json")
    size, learning = {kind: round(count / 1000) for kind, count in p["first_bytes"].items()}, p["learning"]
    soon = next(point for point in learning if point[2] >= 90)
    return textwrap.fill(
        f"Measured in headless Chromium on {p['cores']} cores, load average {p['load_average']:.1f}: the first answer "
        f"{p['first_answer_s']:.2f} s after opening, a stroke painted after {p['stroke_forward']['median_ms']:.0f} ms "
        f"with all maps, {p['stroke_backward']['median_ms']:.0f} ms with gradients (medians); {size['gzip']} KB until "
        f"then with gzip, as most web hosts send it, {size['plain']} KB without; layout shift {p['layout_shift']:.4f}; "
        f"of thirty sloppy digits, large, small, tiny, narrow, slanted and in a corner, {p['sloppy_read']} read; from "
        f"random weights {soon[2]} of 100 unseen digits read after {soon[0]:.0f} s, {learning[-1][2]} after "
        f"{learning[-1][0]:.0f}.",
        120,
    )  # fmt: skip


def foreign():
    return foreign_table.table(json.loads((foreign_table.HERE / "results.json").read_text(encoding="utf-8")))


TABLES = {
    "summary": summary, "speed": speed, "errors": errors, "trials": trials, "how it got there": how_it_got_there,
    "steps": steps, "reproduction": reproduction, "paper trials": paper_trials, "first passes": first_passes,
    "eblearn": eblearn, "modern": modern, "foreign": foreign, "page": page, "stress": stress,
    "gpu": lambda: gpu.table(load("gpu.json")), "gpu profile": lambda: gpu_profile.table(load("gpu_profile.json")),
    "scaling": scaling.measured_table, "scaling model": scaling.model_table, "scaling gpus": scaling.gpu_table,
    "scaling batches": scaling.batches_table,
}  # fmt: skip


def pages():
    """Every page that may have tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled(text):
    """The text of a page with its tables as the results are now -> (text, names of the tables in it)."""
    names = [name for name in TABLES if f"<!-- {name}: " in text]
    for name in names:
        pattern = rf"(<!-- {name}: [^>]*? -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda match, name=name: f"{match[1]}{TABLES[name]()}\n{match[2]}", text, flags=re.S)
    return text, names


def main():
    lacking = set(TABLES)
    for path in pages():
        text, names = filled(path.read_text(encoding="utf-8"))
        lacking -= set(names)
        if names:
            with atomic_write(path, "w") as file:
                file.write(text)
    if lacking:
        raise SystemExit(f"error: no page has a marker '<!-- NAME: ... -->' for {', '.join(sorted(lacking))}")


if __name__ == "__main__":
    main()
