"""The guides in docs/: their code runs from top to bottom, and prints what stands below it."""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
OPTIONAL = ("onnx", "onnxruntime", "safetensors", "sklearn", "torch")
"""What a guide may import that the tests do without."""
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```)?", re.M | re.S)


@pytest.mark.parametrize("guide", [g for g in GUIDES if "```python" in g.read_text("utf-8")], ids=lambda g: g.name)
def test_its_code_runs_and_prints_what_stands_there(guide, tmp_path, monkeypatch):
    text = guide.read_text(encoding="utf-8")
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.M)
    if missing := [name for name in OPTIONAL if name in imported and importlib.util.find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "guide"}
    for code, expected in BLOCK.findall(text):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, guide.name, "exec"), scope)
        assert said.getvalue() == expected, code


@pytest.mark.parametrize("guide", GUIDES, ids=lambda g: g.name)
def test_every_path_that_it_names_exists(guide):
    text = guide.read_text(encoding="utf-8")
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (guide.parent / path).exists(), path
    for path in re.findall(r"`((?:minicnn|examples|tests|kernels|docs)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
