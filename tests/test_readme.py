"""What the README shows works as it stands there."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[-2][:40])
def test_its_python_runs(block, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    image.imsave(tmp_path / "digit.png", 255 - mc.data.load_sample()[1].images[0], cmap="gray", vmin=0, vmax=255)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_your_own_layer_passes_its_check_and_fails_without_the_2(tmp_path):
    block = next(b for b in BLOCKS if "class Square" in b)
    for code, verdict in ((block, True), (block.replace("return 2 * ", "return "), False)):
        scope = {}
        exec(code.replace("print(mc.gradcheck", "report = (mc.gradcheck"), scope)
        assert bool(scope["report"]) is verdict


def test_every_path_and_option_that_it_names_exists():
    links, words = r"\]\(([^)#:]+)\)", r"`((?:minicnn|examples|tests|kernels)/[\w./-]*)`"
    for path in re.findall(links, README) + re.findall(words, README):
        assert (ROOT / path).exists(), path
    help_text = subprocess.run(
        [sys.executable, ROOT / "examples" / "lenet5_mnist.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = README.split("## Options of the main job")[1].split("\n## ")[0]
    for option in set(re.findall(r"`(--[\w-]+)", options)) - {"--help"}:
        assert option in help_text, option
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    for extra in re.findall(r'install -e "\.\[(\w+)\]"', README):
        assert extra in extras


def test_ci_runs_the_test_command_of_the_readme():
    command = next(line.strip() for line in README.splitlines() if "-m pytest" in line)
    script = ROOT / ".ci" / "run"
    assert command.split("#")[0].strip() in script.read_text(encoding="utf-8")
