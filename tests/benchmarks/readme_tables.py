"""Writes the README's tables from the numbers in tests/benchmarks/results, between their markers.

    python tests/benchmarks/readme_tables.py            # rewrites README.md
"""

import json
import re
import sys
from pathlib import Path

from minicnn.files import atomic_write

sys.path.insert(0, str(Path(__file__).parent))
import error_rates
from train_step import FLOPS_AN_IMAGE

ROOT, RESULTS = Path(__file__).parents[2], error_rates.RESULTS
CANDIDATES = ("PyTorch eager", "minicnn, 1 worker", "minicnn, 2 workers", "torch.compile", "JAX jit")


def load(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def lines_of(name):
    return [json.loads(line) for line in (RESULTS / name).read_text(encoding="utf-8").splitlines()]


def speed():
    """Images a second of every candidate, and its ratio to PyTorch eager."""
    results = load("train_step.json")
    rows = ["| images a second | " + " | ".join(CANDIDATES) + " |", "|---" * (1 + len(CANDIDATES)) + "|"]
    for task, speeds in results["images_per_second"].items():
        cells = []
        for name in CANDIDATES:
            if name not in speeds:
                cells.append("–")
                continue
            ratio = "" if name == CANDIDATES[0] else f" ({speeds[name] / speeds[CANDIDATES[0]]:.1f}x)"
            cells.append(f"{speeds[name]:,.0f}{ratio}")
        rows.append(f"| {task} | " + " | ".join(cells) + " |")
    memory = results.get("peak_memory_mb", {})
    cells = [f"{memory[name]:.0f} MB" if name in memory else "–" for name in CANDIDATES]
    rows.append("| peak memory, training on 60,000 digits | " + " | ".join(cells) + " |")
    about, peak = results["about"], results["matrix_product_flops"]
    share = results["images_per_second"]["LeNet-5 step, batch 64"]["minicnn, 2 workers"] * FLOPS_AN_IMAGE / peak
    machine = f"{about['cores']} cores of an {about['processor']}, Python {about['python']}, NumPy {about['numpy']}"
    rows += ["", f"Medians of {about['rounds']} rounds, the candidates in turn, on {machine}, PyTorch "
             f"{about['torch']}, JAX {about['jax']}. The machine's own float32 matrix products run at "
             f"{peak / 1e9:.0f} GFLOP/s; two workers reach {share:.0%} of that."]  # fmt: skip
    return "\n".join(rows)


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


def main():
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    for name, table in (("speed", speed), ("errors", errors), ("trials", trials), ("modern", modern)):
        pattern = rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda match, table=table: f"{match[1]}{table()}\n{match[2]}", text, flags=re.S)
        if count != 1:
            raise SystemExit(f"error: README.md must have the marker '<!-- {name}: ... -->' once, found {count}")
    with atomic_write(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
