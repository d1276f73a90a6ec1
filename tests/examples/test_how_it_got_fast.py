"""One convolution six times: every version computes the same, and the document quotes what is there."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

ROOT = Path(__file__).parents[2]
FOLDER, BENCHMARKS = ROOT / "examples" / "how_it_got_fast", ROOT / "tests" / "benchmarks"
DOCUMENT = (ROOT / "docs" / "how-it-got-fast.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compare():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("compare")
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def benchmark(compare):
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("how_it_got_fast")
    sys.path[:] = before


def version(compare, name):
    if name in ("compiled_loops", "threads"):
        pytest.importorskip("numba")
    module = importlib.import_module(name)

    def convolution(x, k, b):
        """x and y with samples first, whatever the version wants."""
        if getattr(module, "SAMPLES_LAST", False):
            return module.convolution(np.ascontiguousarray(x.transpose(1, 2, 3, 0)), k, b).transpose(3, 0, 1, 2)
        return module.convolution(x, k, b)

    return convolution


NAMES = ("six_loops", "im2col", "one_product", "samples_innermost", "compiled_loops", "threads")
SHAPES = [((3, 2, 7, 6), (4, 2, 3, 3)), ((1, 1, 5, 5), (2, 1, 5, 5)), ((37, 3, 6, 8), (2, 3, 2, 2))]
"""x (N, C, H, W) and k (O, C, K, K): maps that are not square, a window as large as the map, more than two parts."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x_shape, k_shape", SHAPES)
def test_every_version_computes_what_the_engine_does(compare, name, x_shape, k_shape):
    rng = np.random.default_rng(1)
    x, k, b = rng.standard_normal(x_shape), rng.standard_normal(k_shape), rng.standard_normal(k_shape[0])
    layer = mc.Conv2d(k_shape[1], k_shape[0], k_shape[2], dtype="float64")
    layer.weight.value, layer.bias.value = k, b
    expected = layer.forward(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    before = x.copy()
    np.testing.assert_allclose(version(compare, name)(x, k, b), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(x, before)


def test_the_list_of_versions_is_the_folder(compare):
    assert compare.VERSIONS == NAMES
    assert {path.stem for path in FOLDER.glob("*.py")} == {*NAMES, "compare"}
    assert all(f"examples/how_it_got_fast/{name}.py" in DOCUMENT for name in NAMES)


def test_the_command_runs_them_all_and_says_how_they_differ(run, tmp_path):
    pytest.importorskip("numba")
    status, output, errors = run("how_it_got_fast/compare.py", cwd=tmp_path)
    assert (status, errors) == (0, "")
    found = re.findall(r"^(\w+) +([\d,]+) images a second   differs from the first by (\S+)$", output, re.MULTILINE)
    assert [name for name, _, _ in found] == list(NAMES)
    assert all(float(error) < 1e-5 for _, _, error in found)


def test_the_document_has_the_measured_table(benchmark):
    results = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))
    assert benchmark.table(results) in DOCUMENT
    assert list(results["images_per_second"]) == list(NAMES)
    assert benchmark.PICTURE.exists()


def test_a_summary_takes_ratios_within_a_round(benchmark):
    """Both twice as slow in the second round: the ratio is not touched by that."""
    results = benchmark.summary({"six_loops": [2.0, 1.0, 2.0], "im2col": [20.0, 10.0, 22.0]}, [1.0, 2.0, 3.0], 3)
    assert results["times_the_one_before"] == {"im2col": 10.0}
    assert results["images_per_second"] == {"six_loops": 2.0, "im2col": 20.0}


def test_the_document_quotes_lines_that_are_there():
    sources = {
        side: "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "kernels" / side).iterdir())
                      if path.suffix in (".py", ".cu", ".cuh"))
        for side in ("cpu", "cuda")
    }  # fmt: skip
    text = DOCUMENT.split("## The same loop")[1]
    joined = " ".join(" ".join(sources.values()).split())
    excerpts = re.findall(r"\n\n((?:    .*\n)+)", text)
    assert len(excerpts) == 3
    for excerpt in excerpts[1:]:
        assert " ".join(excerpt.split()) in joined, excerpt
    rows = [row for row in DOCUMENT.split("## The same loop")[1].splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= 10
    for row in rows:
        _, cpu, cuda = (cell.strip() for cell in row.strip("| ").split(" | "))
        for side, cell in (("cpu", cpu), ("cuda", cuda)):
            for quoted in re.findall(r"`([^`]+)`", cell):
                assert quoted in sources[side], (side, quoted)
