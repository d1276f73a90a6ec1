"""How long should a training step of LeNet-5 take on an H100? An estimate from the compiled code; needs no GPU.

    python tests/benchmarks/gpu_estimate.py --output tests/benchmarks/results/gpu_estimate.json

Every launch of a step at batch 64 in float32 is recorded, its kernel compiled by NVRTC, and a few of its blocks run
from the PTX, instruction by instruction (ptx.py). That gives what a block issues, what it asks of shared and of global
memory, conflicts of banks included, and how long its slowest warp takes when nobody is in its way. From one barrier to
the next a block takes that long, or as long as the multiprocessor needs to issue or move what is asked for, if that is
longer. A multiprocessor then takes the longest of three: the slowest block, all its blocks one group after the other as
many as fit at once, and what it can issue or move for all of them. Two designs: every primitive by itself, and towers.

It is a model with a few published numbers in it (``HOPPER``, LATENCY in ptx.py), there to tell designs apart before one
is measured (gpu.py), not to be quoted as a measurement. Needs cupy and NVRTC, as kernel_resources.py does.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS / "benchmarks"), str(TESTS / "compiled")]

import kernel_resources  # noqa: E402
import ptx  # noqa: E402
import recorded  # noqa: E402

from minicnn.compiled import cuda, cuda_towers  # noqa: E402
from minicnn.files import atomic_write  # noqa: E402

HOPPER = {
    "multiprocessors": 132, "gigahertz": 1.755, "threads": 2048, "blocks": 32, "registers": 65_536,
    "shared_bytes": 228 * 1024, "shared_wavefronts_a_cycle": 1,
    "special_warps_a_cycle": 0.5, "global_bytes_a_cycle": 64, "all_global_bytes_a_cycle": 2500,
}  # fmt: skip
"""An H100 SXM; all but the first two and the last of each multiprocessor. Global memory means the second-level cache:
all that a step touches lies there; the last is what it gave to all blocks together when an H200 read C5's weights."""

GAP = 1.2
"""Microseconds between two dependent kernels of a graph."""

SAMPLE = 5
"""Blocks of each grid that are run, from the first to the last."""

BATCH, STEPS, AIM = 64, 938, 25.0
"""Of an epoch of 60,000; the aim in milliseconds."""

DESIGNS = {"one kernel a primitive": cuda.CudaForm, "towers": cuda_towers.TowerForm}


def compiled(code, options):
    """({name: Kernel of ptx.py}, {name: its registers and memory}) for Hopper."""
    with kernel_resources.without_a_device():
        text, _ = kernel_resources.compile_for("compute_90", code, options)
        _, log = kernel_resources.compile_for("sm_90", code, (*options, "--ptxas-options=-v"))
    return ptx.kernels(text.decode()), kernel_resources.resources(log)


def bandwidth(blocks):
    """Bytes a cycle from global memory for each of so many blocks."""
    return min(HOPPER["global_bytes_a_cycle"], HOPPER["all_global_bytes_a_cycle"] / blocks)


def run_block(number, kernel, grid, block, args, shared):
    """The kernel's block of this number, run."""
    memory, at, arguments, places = [np.zeros(4096, np.uint8)], 4096, [], {}
    for a in args:
        if hasattr(a, "_host"):
            host = a._host
            if host.ctypes.data not in places:
                data = np.ascontiguousarray(host).reshape(-1).view(np.uint8)
                places[host.ctypes.data] = at
                memory += [data, np.zeros(-len(data) % 256 + 256, np.uint8)]
                at += len(memory[-2]) + len(memory[-1])
            arguments.append(np.uint64(places[host.ctypes.data]))
        else:
            arguments.append(np.uint64(a) if a.dtype == np.intp else a)
    index = np.unravel_index(number, (*grid, 1, 1)[:3][::-1])[::-1]
    share = bandwidth(min(int(np.prod(grid)), HOPPER["multiprocessors"]))
    return ptx.Block(kernel, arguments, np.concatenate(memory), grid, block, index, shared, share).run()


def busy(counts, blocks=1):
    """Cycles of a multiprocessor for each of the things that are done side by side; blocks: that run at once."""
    h = HOPPER
    return {
        "issue": counts["issue"], "shared memory": counts.get("shared wavefronts", 0) / h["shared_wavefronts_a_cycle"],
        "special functions": counts.get("special", 0) / h["special_warps_a_cycle"],
        "global memory": 32 * counts.get("global sectors", 0) / bandwidth(blocks),
    }  # fmt: skip


def estimate(code, options, name, grid, block, args, shared):
    """The numbers of a launch, and its microseconds."""
    kernel, resources = (found[name] for found in compiled(code, options))
    h, threads, blocks = HOPPER, int(np.prod(block)), int(np.prod(grid))
    numbers = sorted({round(i * (blocks - 1) / (SAMPLE - 1)) for i in range(SAMPLE)})
    runs = [run_block(number, kernel, grid, block, args, shared) for number in numbers]
    n = {key: np.mean([run.counts[key] for run in runs]) for key in runs[0].counts | runs[-1].counts}
    n["global sectors"] = n.get("global sectors", 0) + n.get("copied sectors", 0)
    at_work = min(blocks, h["multiprocessors"])
    cycles = [sum(max(cycles, *busy(counts, at_work).values()) for cycles, counts in run.stages) for run in runs]
    alone, slowest = np.mean(cycles), max(cycles)
    fits = min(
        h["blocks"], h["threads"] // threads, h["registers"] // (-(-resources["registers"] // 8) * 8 * threads),
        h["shared_bytes"] // (resources["shared"] + shared + 1024),
    )  # fmt: skip
    here = -(-blocks // h["multiprocessors"])
    at_once = min(here, fits)
    needs = busy({**n, "issue": n["instructions"] / ptx.SCHEDULERS}, at_work)
    limit = max(needs, key=needs.get)
    cycles = max(slowest, alone * here / at_once, here * needs[limit])
    return {
        "kernel": kernel.name, "blocks": blocks, "threads": threads, "blocks_a_multiprocessor": at_once,
        "multiply_adds": round(n.get("multiply-adds", 0)), "instructions": round(n["instructions"]),
        "shared_wavefronts": round(n.get("shared wavefronts", 0)), "global_sectors": round(n.get("global sectors", 0)),
        "alone_cycles": round(slowest), "limit": limit if here * needs[limit] == cycles else "latency",
        "microseconds": round(float(cycles) / h["gigahertz"] / 1000, 2),
    }  # fmt: skip


def table(results):
    lines = []
    for design, found in results["designs"].items():
        lines += [f"\n{design}:\n", "| kernel | blocks | on one multiprocessor | warp instructions a block | of them "
                  "multiply-adds | shared wavefronts | global sectors | limit | us |",
                  "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        for k in found["kernels"]:
            lines.append(f"| `{k['kernel']}` | {k['blocks']} | {k['blocks_a_multiprocessor']} | {k['instructions']:,} "
                         f"| {k['multiply_adds']:,} | {k['shared_wavefronts']:,} | {k['global_sectors']:,} "
                         f"| {k['limit']} | {k['microseconds']:.2f} |")  # fmt: skip
        words = f"{len(found['kernels'])} kernels, {found['busy_us']:.1f} us, and {GAP} us before each"
        whole = f"{found['step_us']:.1f} us a step, {found['epoch_ms']:.1f} ms an epoch"
        lines.append(f"\n{words}: {whole}; the aim is {AIM:.0f} ms")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="FILE", help="write all numbers there as JSON")
    args = parser.parse_args(arguments)
    if kernel_resources.obstacle() is not None:
        raise SystemExit(f"nothing to compile with: {kernel_resources.obstacle()}")
    results = {"nvrtc": kernel_resources.version(), "hopper": HOPPER, "gap_us": GAP, "latency_cycles": ptx.LATENCY,
               "batch": BATCH, "aim_ms": AIM, "designs": {}}  # fmt: skip
    for design, form in DESIGNS.items():
        launches = recorded.launches("lenet5", samples=BATCH, form=form)
        kernels = [estimate(*launch) for launch in launches if launch[2] != "next_steps"]  # one in many steps
        busy = sum(k["microseconds"] for k in kernels)
        step = busy + GAP * len(kernels)
        results["designs"][design] = {"kernels": kernels, "busy_us": round(busy, 2), "step_us": round(step, 2),
                                      "epoch_ms": round(step * STEPS / 1000, 2)}  # fmt: skip
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)
    print(f"Estimated for an H100 from NVRTC {results['nvrtc']}; gpu.py measures.\n{table(results)}")


if __name__ == "__main__":
    main()
