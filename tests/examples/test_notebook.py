"""The lecture: stored clean, every formula checked by the cell below it, and it runs top to bottom."""

import re
import time
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

NOTEBOOK = Path(__file__).parents[2] / "examples" / "backprop_in_class.ipynb"
LIMIT = 180
"""Seconds that the whole lecture may compute."""


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
    assert NOTEBOOK.stat().st_size < 100_000


def test_every_formula_is_checked_by_the_cell_below_it(notebook):
    formulas = 0
    for cell, below in zip(notebook.cells, notebook.cells[1:]):
        if cell.cell_type == "markdown" and "$$" in cell.source:
            formulas += 1
            assert below.cell_type == "code", cell.source
            assert re.search(r"^\s*(agree\(|assert )", below.source, re.MULTILINE), cell.source
    assert formulas >= 14


def test_the_text_is_short_enough_to_lecture_from(notebook):
    minutes = 0
    for cell in notebook.cells[1:]:  # after the table of contents
        if cell.cell_type == "markdown":
            words = re.sub(r"\$\$.*?\$\$", "", cell.source, flags=re.DOTALL).split()
            assert len(words) <= 90, cell.source
            minutes += sum(map(int, re.findall(r"\((\d+) min\)", cell.source)))
    assert 50 <= minutes <= 70


@pytest.mark.filterwarnings("default")  # whatever Jupyter's own parts warn of
def test_it_runs_top_to_bottom(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    client = nbclient.NotebookClient(notebook, timeout=LIMIT, kernel_name="python3",
                                     resources={"metadata": {"path": str(tmp_path)}})  # fmt: skip
    started = time.monotonic()
    client.execute()
    assert time.monotonic() - started < LIMIT
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 14
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert text.count("agree to") >= 25
    assert "60,000" in text
    warnings = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert all(text.startswith("minicnn compiles its loops") for text in warnings), warnings
