"""Other projects' test cases of what minicnn has: all pass but those on a list, which only shrinks."""

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
import table
from outcomes import Refused, outcome

import minicnn as mc

ROOT = Path(__file__).parents[2]
NEEDS = {"onnx": ("onnx",), "torch": ("torch", "expecttest")}
RESULTS = json.loads((table.HERE / "results.json").read_text(encoding="utf-8"))


def version(package):
    """Of an installed package; None if it is not."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("package", table.SUITES)
def test_every_case_passes_but_those_on_the_list(package, summary):
    listed = table.refusals()[package]
    missing = [name for name in NEEDS[package] if version(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if version(package) != listed.version:
        pytest.skip(f"refused.txt lists the cases of {package} {listed.version}, {version(package)} is installed")
    outcomes = table.outcomes(package)
    numbers = table.numbers(outcomes, listed)
    summary += table.table({package: numbers}).splitlines()[2 if summary else 0 :]
    wrong = table.complaints(outcomes, listed)
    assert not wrong, "\n".join(wrong)
    assert numbers == RESULTS[package], "keep the new numbers: python tests/foreign/table.py --write"


def test_ci_installs_the_versions_of_the_list():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for package, listed in table.refusals().items():
        assert f'"{package}=={listed.version}"' in script


def test_the_page_has_the_numbers():
    page = (ROOT / "docs" / "inside.md").read_text(encoding="utf-8")
    assert table.table(RESULTS) in page, "python tests/benchmarks/tables.py"


# ------------------------------------------------------------------------------------ what the list and the runner do

LIST = """
# a comment
onnx 1.0

"no negative size": there is none
    one
    two
"""


def complaints(**outcomes):
    return table.complaints(outcomes, table.refusals(LIST)["onnx"])


REFUSED = {"one": ("refused", "there is no negative size"), "two": ("refused", "no negative size, got -1")}


def test_refusals_on_the_list_are_well():
    assert complaints(**REFUSED, three=("passes", "")) == []


@pytest.mark.parametrize("outcomes, words", [
    ({**REFUSED, "three": ("refused", "why")}, r"three is refused \(why\), but not on the list"),
    ({**REFUSED, "two": ("passes", "")}, "two passes now: take it off the list"),
    ({**REFUSED, "two": ("refused", "no such thing")}, "two is refused by 'no such thing', not by 'no negative size'"),
    ({"one": REFUSED["one"]}, "two is on the list, but no case"),
    ({**REFUSED, "three": ("differs", "y")}, "three differs: y"),
    ({**REFUSED, "two": ("broken", "IndexError")}, "two broken: IndexError"),
])  # fmt: skip
def test_a_list_that_does_not_fit_is_complained_of(outcomes, words):
    (complaint,) = complaints(**outcomes)
    assert re.match(words, complaint), complaint


def test_a_case_stands_on_the_list_once():
    with pytest.raises(ValueError, match=r"refused\.txt: one stands there twice"):
        table.refusals(LIST + "    one\n")


def test_what_becomes_of_a_case():
    def refused():
        raise Refused("there is none")

    def differs():
        raise AssertionError("y is not as it should be")

    assert outcome(lambda: mc.Linear(2, 1)) == ("passes", "")
    assert outcome(refused) == ("refused", "there is none")
    assert outcome(differs) == ("differs", "y is not as it should be")
    assert outcome(lambda: mc.Linear(0, 1)) == ("refused", "ValueError: in_features must be at least 1, got 0")
    assert outcome(lambda: int("x"))[0] == "broken"  # a ValueError, but not one of minicnn's
    assert outcome(lambda: mc.Linear(2, 1).nothing)[0] == "broken"
