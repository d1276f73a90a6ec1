"""Writes the README's tables from the numbers in tests/benchmarks/results, between their markers.

    python tests/benchmarks/readme_tables.py            # rewrites README.md
"""

import json
import re
import sys
from pathlib import Path

from minicnn.files import atomic_write

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "stress"))
import error_rates
import tally
from train_step import FLOPS_AN_IMAGE, ONE_THREAD, REFERENCE

ROOT, RESULTS = Path(__file__).parents[2], error_rates.RESULTS


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


def errors():
    return error_rates.table(lines_of("error_rates.jsonl"))


def trials():
    return error_rates.table(lines_of("validation.jsonl"))


def modern():
    """A few epochs of the modern variant, and the last line that it prints."""
    history = lines_of("lenet_modern.jsonl")
    rows = ["| epoch | train loss | train accuracy | seconds |", "|---|---|---|---|"]
    for record in (history[i - 1] for i in (1, 10, 25, 50)):
        rows.append(f"| {record['epoch']} | {record['train_loss']:.5f} | {1 - record['train_error']:.2%} "
                    f"| {record['seconds']:.1f} |")  # fmt: skip
    log = (RESULTS / "lenet_modern.log").read_text(encoding="utf-8").splitlines()
    rows += ["", f"    {log[-1]}"]
    return "\n".join(rows)


def stress():
    """Faults, how often each was tried, and what came of it."""
    return tally.table(load("stress.json"))


def main():
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    tables = ("speed", speed), ("errors", errors), ("trials", trials), ("modern", modern), ("stress", stress)
    for name, table in tables:
        pattern = rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda match, table=table: f"{match[1]}{table()}\n{match[2]}", text, flags=re.S)
        if count != 1:
            raise SystemExit(f"error: README.md must have the marker '<!-- {name}: ... -->' once, found {count}")
    with atomic_write(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
