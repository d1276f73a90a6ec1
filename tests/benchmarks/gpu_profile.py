"""The kernels of a training step of LeNet-5 as Nsight Compute sees them: how long each takes, and what it waits for.

    python tests/benchmarks/gpu_profile.py --output tests/benchmarks/results/gpu_profile.json
    python tests/benchmarks/gpu_profile.py --print       # the committed numbers as the table of docs/gpu.md

Needs a GPU, CuPy and ``ncu``. The caches are left as they are and the clock is not lowered, as in training.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

RESULT = Path(__file__).parent / "results" / "gpu_profile.json"
STEPS, BATCH = 5, 64
METRICS = {
    "microseconds": "gpu__time_duration.sum",
    "issue slots used": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "waiting at a barrier": "smsp__average_warps_issue_stalled_barrier_per_issue_active.ratio",
    "waiting for memory": "smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.ratio",
}
"""issue slots used: per cent of the cycles in which a scheduler starts an instruction; waiting: warps for each such."""


def steps():
    """A few steps, kernel by kernel: what ncu watches."""
    import minicnn as mc
    from minicnn.compiled.graph import GraphSteps

    train = mc.data.load_sample()[0]
    net = mc.models.lenet5(rng=0, backend="cupy")
    optimizer = mc.optim.SGD(net.parameters(), 0.001, momentum=0.9)
    with GraphSteps(net, mc.losses.MAPLoss(10), optimizer, train, BATCH, capture=False) as steps:
        list(steps.epoch(np.arange(STEPS * BATCH).reshape(STEPS, BATCH), [0.001] * STEPS))


def profiled():
    """{kernel: {"blocks": n, metric: median over the steps}}, in the order of a step."""
    as_in_training = "--clock-control", "none", "--cache-control", "none"
    how = "ncu", *as_in_training, "--csv", "--metrics", ",".join(METRICS.values())
    done = subprocess.run([*how, sys.executable, __file__, "--steps"], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"ncu failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    names, found, blocks = {metric: name for name, metric in METRICS.items()}, {}, {}
    for row in csv.DictReader(line for line in done.stdout.splitlines() if line.startswith('"')):
        value = float(row["Metric Value"].replace(",", ""))
        value /= {"ns": 1000, "nsecond": 1000}.get(row["Metric Unit"], 1)
        kernel = row["Kernel Name"].split("(")[0]
        found.setdefault(kernel, defaultdict(list))[names[row["Metric Name"]]].append(value)
        blocks[kernel] = int(np.prod([int(n) for n in row["Grid Size"].strip("()").split(",")]))
    return {
        kernel: {"blocks": blocks[kernel], **{name: statistics.median(values) for name, values in metrics.items()}}
        for kernel, metrics in found.items()
        if len(metrics["microseconds"]) >= STEPS and not kernel.startswith("cupy_")
    }


def table(results):
    """The numbers as a Markdown table."""
    lines = ["| kernel | blocks | us | issue slots used | warps at a barrier | warps that wait for memory |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for kernel, n in results["kernels"].items():
        lines.append(f"| `{kernel}` | {n['blocks']:,} | {n['microseconds']:.1f} | {n['issue slots used']:.0f}% "
                     f"| {n['waiting at a barrier']:.1f} | {n['waiting for memory']:.1f} |")  # fmt: skip
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="FILE", help="write the numbers there as JSON")
    parser.add_argument("--print", action="store_true", help="print the committed numbers")
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps:
        return steps()
    if args.print:
        return print(table(json.loads(RESULT.read_text(encoding="utf-8"))))
    from gpu import about

    import minicnn as mc
    from minicnn.files import atomic_write

    results = {"about": about(mc.backend.get("cupy"), None), "batch": BATCH, "kernels": profiled()}
    print(table(results))
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
