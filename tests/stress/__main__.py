"""Faults by the thousand: kills, signals, full disks, damaged files, senseless calls, bad servers, repeated trainings.

    python -m tests.stress                                              # all, as long as it takes (about an hour)
    python -m tests.stress --share 0.01 --seed 7 --faults checkpoints calls
    python -m tests.stress --output tests/benchmarks/results/stress.json

Prints a table (fault, trials, lost, wrong, hung, foreign errors) and what went wrong, which ends with exit status 1.
Needs a system with fork and /proc. Servers are on this machine only; nothing is written but in a temporary folder.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import calls
import damaged_checkpoints
import damaged_idx
import kills
import numpy as np
import servers
from tally import added, dumps, table

from minicnn.files import atomic_write

FAULTS = {  # name: (what makes the trials, how many)
    "kills": (kills.kill_at_any_moment, 200),
    "writing": (kills.kill_while_writing, 200),
    "signals": (kills.signals, 200),
    "stops": (kills.stops, 100),
    "disks": (kills.full_disks, 100),
    "concurrent": (kills.concurrent_runs, 300),
    "checkpoints": (damaged_checkpoints.run, 50_000),
    "idx": (damaged_idx.run, 100_000),
    "calls": (calls.run, 50_000),
    "downloads": (servers.run, 100),
    "soak": (kills.soak, 500),
}


def main(arguments=None):
    args = parse(arguments)
    results, bad = [], []
    for name in args.faults:
        make, trials = FAULTS[name]
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            rng, count = np.random.default_rng([args.seed, *name.encode()]), max(1, round(args.share * trials))
            tally = make(rng, count, Path(folder))
        tally.about |= {"seeds": [args.seed], "seconds": round(time.monotonic() - started)}
        print(f"{tally.fault}: {tally.numbers()}, {tally.about}", file=sys.stderr, flush=True)
        results.append({"name": name, **tally.to_dict()})
        if not tally.good:
            bad.append(f"{tally.fault}\n" + "\n".join(tally.notes))
    print(table(results))
    if args.output:
        rows = {row["name"]: row for row in json.loads(args.output.read_text())} if args.output.exists() else {}
        rows |= {row["name"]: added(rows.get(row["name"]), row) for row in results}
        with atomic_write(args.output, "w") as file:
            file.write(dumps([rows[name] for name in FAULTS if name in rows]))
    print("\n\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="FAULT",
                        help=f"which, of {', '.join(FAULTS)} (default: all)")  # fmt: skip
    parser.add_argument("--share", type=float, default=1.0, help="of the trials (default: all of them)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds, other trials (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the table goes as JSON, added to trials of "
                        "other seeds that are there already")  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
