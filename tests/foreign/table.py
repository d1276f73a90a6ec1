"""How much of other projects' tests of layers and losses minicnn passes, and what it refuses for which reason.

    python tests/foreign/table.py            # prints the table
    python tests/foreign/table.py --write    # and keeps its numbers in results.json, for docs/inside.md
    python tests/foreign/table.py onnx       # what becomes of every case of one suite, as JSON

Needs onnx, or torch and expecttest. A suite runs in a process of its own: PyTorch's test helpers change its settings.
"""

import importlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from minicnn.files import atomic_write

HERE = Path(__file__).parent
SUITES = {"onnx": "onnx_nodes", "torch": "torch_modules"}
"""{package: the module here that has its cases}."""

TITLES = {"onnx": "ONNX {}, single nodes", "torch": "PyTorch {}, inputs of its modules"}


@dataclass
class Refusals:
    """What of a suite is refused, as refused.txt says: for cases of which version, and why."""

    version: str
    reasons: list = field(default_factory=list)
    """[(the words that the error must have, why)]"""
    cases: dict = field(default_factory=dict)
    """{name of a case: the place of its reason in ``reasons``}"""


def refusals(text=None):
    """{package: Refusals} of refused.txt, or of a text like it; ValueError for a case that stands there twice."""
    text, listed = (HERE / "refused.txt").read_text(encoding="utf-8") if text is None else text, {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith((" ", '"')):
            package, version = line.split()
            here = listed[package] = Refusals(version)
        elif line.startswith('"'):
            here.reasons.append(tuple(line[1:].split('": ', 1)))
        elif line.strip() in here.cases:
            raise ValueError(f"refused.txt: {line.strip()} stands there twice")
        else:
            here.cases[line.strip()] = len(here.reasons) - 1
    return listed


def complaints(outcomes, listed):
    """Sentences about what is wrong with the outcomes {case: (status, words)} of a suite, given its Refusals.

    The list can only shrink: a case that is refused must be on it, and one that passes must not.
    """
    said = []
    for name, (status, words) in outcomes.items():
        if status == "refused":
            if name not in listed.cases:
                said.append(f"{name} is refused ({words}), but not on the list")
            elif (needed := listed.reasons[listed.cases[name]][0]) not in words:
                said.append(f"{name} is refused by {words!r}, not by {needed!r}")
        elif status != "passes":
            said.append(f"{name} {status}: {words}")
        elif name in listed.cases:
            said.append(f"{name} passes now: take it off the list")
    return said + [f"{name} is on the list, but no case" for name in listed.cases if name not in outcomes]


def outcomes(package):
    """{case: (status, words)} of a suite, computed in a process of its own."""
    command = [sys.executable, str(Path(__file__)), package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")
    return {name: tuple(outcome) for name, outcome in json.loads(done.stdout).items()}


def numbers(outcomes, listed):
    """A suite in numbers: its version, cases, how many pass, {why: how many are refused}."""
    why = Counter(listed.reasons[listed.cases[name]][1] for name in outcomes if name in listed.cases)
    passed = sum(status == "passes" for status, _ in outcomes.values())
    return {"version": listed.version, "cases": len(outcomes), "pass": passed, "refused": dict(why.most_common())}


def table(results):
    """The numbers of all suites as a Markdown table."""
    rows = ["| cases of | for what minicnn has | pass | refused, each for a reason on the list |", "|---|---|---|---|"]
    for package, said in results.items():
        title, refused = TITLES[package].format(said["version"]), sum(said["refused"].values())
        rows.append(f"| {title} | {said['cases']} | {said['pass']} | {refused} |")
    return "\n".join(rows)


def reasons(results):
    """Why cases are refused, the most frequent reason first, a line each."""
    return "\n".join(
        f"{count:5} of {TITLES[package].format(said['version'])}: {why}"
        for package, said in results.items() for why, count in said["refused"].items()
    )  # fmt: skip


def main(arguments):
    if arguments and arguments[0] in SUITES:
        from outcomes import outcome

        cases = importlib.import_module(SUITES[arguments[0]]).cases()
        print(json.dumps({name: outcome(case) for name, case in cases.items()}))
        return 0
    listed, results, wrong = refusals(), {}, []
    for package in SUITES:
        found = outcomes(package)
        results[package] = numbers(found, listed[package])
        wrong += complaints(found, listed[package])
    print(table(results), reasons(results), *wrong, sep="\n\n")
    if "--write" in arguments and not wrong:
        with atomic_write(HERE / "results.json", "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
