"""The lecture: stored clean, every formula checked by the cell below it, and its cells run in any order."""

import ast
import builtins
import random
import re
import time
from collections import defaultdict
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "backprop_in_class.ipynb"
NOTES = ROOT / "docs" / "lecture.md"
LIMIT = 180
"""Seconds that one pass over the whole lecture may compute."""


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sections(notebook):
    """{heading: minutes} of the lecture's sections."""
    text = "\n".join(cell.source for cell in notebook.cells[1:] if cell.cell_type == "markdown")
    return {name: int(minutes) for name, minutes in re.findall(r"^## (\d .+) \((\d+) min\)$", text, re.MULTILINE)}


def test_it_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
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


def test_a_question_stands_before_the_cell_that_answers_it(notebook):
    asked = defaultdict(int)
    section = None
    for cell, below in zip(notebook.cells, notebook.cells[1:]):
        section = re.search(r"^## (\d)", cell.source, re.MULTILINE) or section
        if "**Predict:**" in cell.source:
            assert "?" in cell.source.split("**Predict:**")[1], cell.source
            assert below.cell_type == "code", cell.source
            asked[section[1]] += 1
    assert set(asked) == set("12345678")


def test_the_text_is_short_enough_to_lecture_from(notebook):
    for cell in notebook.cells[1:]:  # after the table of contents
        if cell.cell_type == "markdown":
            words = re.sub(r"\$\$.*?\$\$", "", cell.source, flags=re.DOTALL).split()
            assert len(words) <= 90, cell.source


def test_its_sections_take_an_hour(notebook):
    planned = sections(notebook)
    assert len(planned) == 8
    assert sum(planned.values()) == 60
    promised = re.findall(r"\*\*\d\*\* [^·]+?(\d+)(?= ·|\n)", notebook.cells[0].source)
    assert [int(minutes) for minutes in promised] == list(planned.values())


def test_the_speaker_has_notes_on_every_section(notebook):
    notes = NOTES.read_text(encoding="utf-8")
    for name, minutes in sections(notebook).items():
        heading = rf"^### {re.escape(name)} \({minutes} min\)\n"
        found = re.search(heading + r"(.*?)(?=^##|\Z)", notes, re.MULTILINE | re.DOTALL)
        assert found, name
        for part in ("**Ask.**", "**Blackboard.**", "**Misunderstood.**"):
            assert part in found[1], (name, part)


def test_the_shorter_and_the_longer_course_take_the_time_that_they_promise():
    courses = dict(re.findall(r"^## (Fifteen minutes|Three hours)\n(.*?)(?=^## |\Z)", NOTES.read_text(encoding="utf-8"),
                              re.MULTILINE | re.DOTALL))  # fmt: skip
    minutes = {name: sum(map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))) for name, text in courses.items()}
    assert minutes == {"Fifteen minutes": 15, "Three hours": 180}


def names(source):
    """-> (names that a cell makes, names of others' that it reads), imports and builtins left out."""
    tree = ast.parse("\n".join(line for line in source.split("\n") if not line.startswith("%")))
    made, read = set(), set()
    for node in tree.body:  # what is made at the top level
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            made |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            made |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            read.add(node.id)
    local = {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in node.args}
    inner = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return made, read - made - local - inner - set(dir(builtins))


def test_what_a_cell_takes_from_others_only_one_cell_makes(notebook):
    """So no cell that is run again can leave another one with a value that is not meant for it."""
    made = defaultdict(list)
    for place, cell in enumerate(code_cells(notebook)):
        for name in names(cell.source)[0]:
            made[name].append(place)
    for place, cell in enumerate(code_cells(notebook)):
        for name in names(cell.source)[1]:
            assert len(made[name]) == 1, f"{name}, which cell {place} reads, is made in cells {made[name]}"
            assert made[name][0] < place, f"cell {place} reads {name}, which is made later"


@pytest.mark.filterwarnings("default")  # whatever Jupyter's own parts warn of
@pytest.mark.slow
def test_it_runs_top_to_bottom_and_then_in_any_order(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    client = nbclient.NotebookClient(notebook, timeout=LIMIT, kernel_name="python3",
                                     resources={"metadata": {"path": str(tmp_path)}})  # fmt: skip
    places = [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    with client.setup_kernel():
        started = time.monotonic()
        for place in places:
            client.execute_cell(notebook.cells[place], place)
        assert time.monotonic() - started < LIMIT
        check_outputs([output for place in places for output in notebook.cells[place].outputs])
        for place in random.Random(16).sample(places, len(places)):
            client.execute_cell(notebook.cells[place], place)  # raises where a cell does


def check_outputs(outputs):
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 16
    for picture in pictures:
        words = picture.metadata["image/png"]["alt"]
        assert len(words.split()) >= 10 and words.endswith("."), words
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert text.count("agree to") >= 35
    assert "60,000" in text
    warnings = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert all(text.startswith("minicnn compiles its loops") for text in warnings), warnings
