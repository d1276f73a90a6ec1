"""The wheel brings everything along: kernels, the sample, and what else is no Python."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of a wheel built from a copy of the sources, so that the checkout stays as it is."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "runs", "__pycache__", "tests")
    shutil.copytree(ROOT, folder / "source", ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, "."]
    done = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_every_file_of_the_packages_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, package in (("minicnn", "minicnn"), ("kernels", "minicnn/kernels")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                assert f"{package}/{path.relative_to(ROOT / folder).as_posix()}" in names, path
    assert not [name for name in names if name.startswith("tests/")]


def test_it_works_from_the_wheel_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = """if True:
        import minicnn as mc
        from minicnn.backend import kernels
        assert mc.__file__.startswith(SITE), mc.__file__
        train, test = mc.data.load_sample()
        net = mc.models.lenet5(rng=0)
        assert net.predict(test.images[:3]).shape == (3,)
        assert "__global__" in kernels.source("im2col.cu")
        print(len(train), len(test))
    """
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", f"SITE = {str(tmp_path)!r}\n{code}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "4000 1000"), done.stderr
