"""What the README shows works as it stands there."""

import configparser
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)


def test_your_own_layer_passes_its_check_and_fails_without_the_2(tmp_path):
    block = next(b for b in BLOCKS if "class Square" in b)
    for code, verdict in ((block, True), (block.replace("return 2 * ", "return "), False)):
        scope = {}
        exec(code.replace("print(mc.gradcheck", "report = (mc.gradcheck"), scope)
        assert bool(scope["report"]) is verdict


def test_every_path_and_extra_that_it_names_exists():
    links, words = r"\]\(([^)#:]+)\)", r"`((?:minicnn|examples|tests|kernels|docs)/[\w./-]*)`"
    for path in re.findall(links, README) + re.findall(words, README):
        assert (ROOT / path).exists(), path
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    for extra in re.findall(r'install -e "\.\[(\w+)\]"', README):
        assert extra in extras


def test_ci_runs_the_test_command_of_the_readme():
    command = next(line.strip() for line in README.splitlines() if "-m pytest" in line)
    script = ROOT / ".ci" / "run"
    assert command.split("#")[0].strip() in script.read_text(encoding="utf-8")


def test_its_table_is_of_the_committed_results():
    sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
    import tables

    for path in tables.pages():
        text = path.read_text(encoding="utf-8")
        assert tables.filled(text)[0] == text, f"{path.name}: python tests/benchmarks/tables.py"
