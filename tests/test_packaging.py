"""Wheel and source archive bring everything along: kernels, the sample, and what else is no Python."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a wheel and a source archive, from a copy of the sources, so that the checkout stays as it is."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("built")
    ignore = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "runs", "__pycache__", "tests")
    shutil.copytree(ROOT, folder / "source", ignore=ignore)
    code = f"from setuptools import build_meta as b; b.build_sdist({str(folder)!r}), b.build_wheel({str(folder)!r})"
    how = {"cwd": folder / "source", "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([sys.executable, "-c", code], **how)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


def files_of(folder):
    """Every file of a package, relative to it."""
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path.relative_to(ROOT / folder).as_posix()


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, package in (("minicnn", "minicnn"), ("kernels", "minicnn/kernels")):
        assert not [name for name in files_of(folder) if f"{package}/{name}" not in names]
    assert {"minicnn/kernels/cpu/epoch.py", "minicnn/kernels/cpu/jit.py"} <= names
    assert any(name.startswith("minicnn/kernels/cuda/") and name.endswith(".cu") for name in names)
    assert not [name for name in names if name.startswith("tests/")]


def test_every_file_of_the_packages_is_in_the_source_archive(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("minicnn", "kernels"):
        assert not [name for name in files_of(folder) if f"{folder}/{name}" not in names]


def test_extras_say_what_is_optional(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    needs = re.findall("^Requires-Dist: ([^ ;<>=]+)(.*)$", archive.read(metadata).decode(), re.M)
    extras = {extra for name, how in needs for extra in re.findall('extra == "(.*)"', how) if name == "numba"}
    assert extras == {"fast", "test"}
    assert not {name for name, how in needs if "extra" not in how} & {"numba", "matplotlib", "cupy-cuda12x"}


def test_it_works_from_the_wheel_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = """if True:
        import pathlib
        import minicnn as mc
        from minicnn import sources
        kernels = pathlib.Path(sources.kernels().__file__).parent
        assert mc.__file__.startswith(SITE) and str(kernels).startswith(SITE), (mc.__file__, kernels)
        assert any("__global__" in path.read_text(encoding="utf-8") for path in (kernels / "cuda").glob("*.cu"))
        train, test = mc.data.load_sample()
        net = mc.Sequential([mc.Flatten(), mc.Linear(784, 10, rng=0)], preprocess=mc.data.UNIT)
        optimizer = mc.optim.SGD(net.parameters(), 0.1)
        mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, train, epochs=1, progress=False)
        assert (net.predict(test.images) == test.labels).mean() > 0.7
        print(len(train), len(test))
    """
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", f"SITE = {str(tmp_path)!r}\n{code}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "4000 1000"), done.stderr
