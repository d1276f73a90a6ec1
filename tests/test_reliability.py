"""Behind every promise of docs/reliability.md there is a test, and its table is of the committed trials."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "stress"))
from tally import table

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize("path, name", NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_page_names_exists(path, name):
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.M)


def test_every_promise_names_a_test():
    promised = PAGE.split("## What is not")[0]
    promises = re.split(r"^(?:- |(?=The checkpoint and)|(?=Nothing in a))", promised, flags=re.M)[1:]
    assert len(promises) > 10 and all("::test_" in promise for promise in promises)


def test_every_file_that_it_names_exists():
    for path in re.findall(r"`((?:tests|minicnn|examples)/[\w./]+\.py)`", PAGE):
        assert (ROOT / path).exists(), path


def test_its_table_is_of_the_committed_trials():
    results = json.loads((ROOT / "tests/benchmarks/results/stress.json").read_text(encoding="utf-8"))
    assert table(results) in PAGE
    assert all(row[kind] == 0 for row in results for kind in ("lost", "wrong", "hung", "foreign"))
