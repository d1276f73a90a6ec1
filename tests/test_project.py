"""What a project says of itself in several files is the same in all of them."""

import configparser
import re
import runpy
from pathlib import Path

import pytest

import minicnn as mc

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def config():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def needs(config):
    """{package: least version} of all that is required, or comes with an extra that the tests use."""
    extras = config["options.extras_require"]
    lines = "\n".join([config["options"]["install_requires"], extras["fast"], extras["plot"], extras["test"]])
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])? *>= *([\d.]+)$", lines, re.M))


def test_the_oldest_versions_are_those_that_setup_cfg_allows(config):
    text = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8")
    oldest = dict(re.findall(r"^([\w-]+) == ([\d.]+)$", text, re.M))
    least = needs(config)
    assert {"numpy", "numba", "matplotlib", "pytest"} <= set(oldest)
    for name, version in oldest.items():
        assert version == least[name] or version.removesuffix(".0") == least[name], name


def test_classifiers_and_ci_name_the_same_versions_of_python(config):
    classifiers = re.findall(r":: Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.M)
    matrix = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", WORKFLOW)[1])
    assert classifiers == matrix and config["options"]["python_requires"] == f">={classifiers[0]}"


def test_ci_runs_the_commands_of_the_readme():
    command = next(line.split("#")[0].strip() for line in README.splitlines() if "-m pytest" in line)
    assert f"run: {command}\n" in WORKFLOW and "run: .ci/run\n" in WORKFLOW
    assert "pip install -c tests/oldest.txt" in WORKFLOW
    assert "ruff check" in (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


def test_the_citation_has_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == mc.__version__


def test_an_index_page_gets_links_that_lead_somewhere_or_none(config):
    setup = runpy.run_path(str(ROOT / "setup.py"))
    text = "![a digit](docs/a.png) and [notes](docs/b.md), [theirs](https://example.org), [here](#speed)"
    assert setup["readme"](text, None) == "a digit and notes, [theirs](https://example.org), [here](#speed)"
    assert setup["readme"](text, "https://example.org/minicnn/") == (
        "![a digit](https://example.org/minicnn/raw/HEAD/docs/a.png) and "
        "[notes](https://example.org/minicnn/blob/HEAD/docs/b.md), [theirs](https://example.org), [here](#speed)"
    )
    assert setup["source"]() == dict(
        re.findall(r"^(\S+) = (\S+)$", config["metadata"].get("project_urls", ""), re.M)
    ).get("Source")
