"""Wheel and source archive bring everything along, and a wheel is enough to train, read, draw and learn."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from minicnn import sources

ROOT = Path(__file__).parents[1]
MADE = (".git", "*_cache", ".hypothesis", ".venv", "*.egg-info", "build", "dist", "runs", "__pycache__", "node_modules",
        "_build", "_notebook", "jupyter_execute")  # fmt: skip
"""What lies in a checkout but does not belong to it."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a wheel and a source archive, from a copy of the sources, so that the checkout stays as it is."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*MADE))
    code = f"from setuptools import build_meta as b; b.build_sdist({str(folder)!r}), b.build_wheel({str(folder)!r})"
    how = {"cwd": folder / "source", "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([sys.executable, "-c", code], **how)
    assert done.returncode == 0 and "absent from the `packages`" not in done.stderr, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


PACKAGES = {"minicnn": "minicnn", "kernels": "minicnn/kernels", "examples": "minicnn/examples"}


def files_of(folder):
    """Every file of a package, relative to it."""
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path.relative_to(ROOT / folder).as_posix()


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, package in PACKAGES.items():
        assert not [name for name in files_of(folder) if f"{package}/{name}" not in names]
    for name in ("cli/__init__.py", "kernels/cpu/epoch.py", "page/static/index.html", "examples/lenet5_mnist.py",
                 "examples/backprop_in_class.ipynb", "examples/exercises/ex01_linear_backward.py"):  # fmt: skip
        assert f"minicnn/{name}" in names
    assert any(name.startswith("minicnn/kernels/cuda/") and name.endswith(".cu") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"minicnn", "minicnn_lenet5"}


def test_the_wheel_has_a_command_and_a_name_of_its_own(wheel):
    archive = zipfile.ZipFile(wheel)
    (commands,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert re.search(r"^\[console_scripts\]\nminicnn = minicnn\.cli:main$", archive.read(commands).decode(), re.M)
    assert re.search(f"^Name: {sources.DISTRIBUTION}$", metadata_of(wheel), re.M)


def test_every_file_of_the_repository_is_in_the_source_archive(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    ours = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file() and not made(path)}
    assert {"tests/test_packaging.py", "docs/lecture.md", ".ci/run", ".github/workflows/tests.yml"} <= ours
    assert not ours - names


def made(path):
    return any(fnmatch.fnmatch(part, pattern) for part in path.relative_to(ROOT).parts for pattern in MADE)


@pytest.mark.slow
def test_the_tests_run_from_an_unpacked_source_archive(built, tmp_path):
    (path,) = built.glob("*.tar.gz")
    shutil.unpack_archive(path, tmp_path)
    (root,) = tmp_path.iterdir()
    some = ["tests/network/test_table.py", "tests/test_files.py", "tests/test_project.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout


def metadata_of(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return archive.read(name).decode()


def test_extras_say_what_is_optional(wheel):
    needs = re.findall("^Requires-Dist: ([^ ;<>=]+)(.*)$", metadata_of(wheel), re.M)
    extras = {extra for name, how in needs for extra in re.findall('extra == "(.*)"', how) if name == "numba"}
    assert extras == {"fast", "test"}
    assert not {name for name, how in needs if "extra" not in how} & {"numba", "matplotlib", "cupy-cuda12x"}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Variables with which Python finds the wheel's minicnn, and neither Numba nor matplotlib, Pillow or CuPy."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    for name in ("numba", "matplotlib", "PIL", "cupy"):
        code = f"raise ModuleNotFoundError('there is no {name}', name='{name}')"
        (folder / "site" / f"{name}.py").write_text(code, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder / "site"), "MINICNN_OFFLINE": "1", "PYTHONUTF8": "1"}


def minicnn(*arguments, **how):
    command = [sys.executable, "-m", "minicnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, **how)


@pytest.mark.slow
def test_a_wheel_trains_in_an_empty_directory_and_says_what_would_help(installed, tmp_path):
    how = {"cwd": tmp_path, "env": installed}
    done = minicnn("train", "--epochs", 1, "--threads", 1, "--backend", "numpy", **how)
    assert done.returncode == 0, done.stderr
    assert 'pip install "minicnn-lenet5[fast]" trains several times faster' in done.stderr
    assert 'pictures:   none; pictures need matplotlib (pip install "minicnn-lenet5[plot]")' in done.stdout
    assert (tmp_path / "runs" / "lenet5" / "checkpoint.npz").exists()
    done = minicnn("predict", "digit.png", **how)
    assert done.returncode == 1 and '(pip install "minicnn-lenet5[plot]")' in done.stderr
    done = minicnn("info", "--json", **how)
    assert ", installed, " in done.stdout and '[cuda12]\\" or \\"minicnn-lenet5[cuda13]' in done.stdout


@pytest.mark.slow
def test_a_wheel_brings_exercises_lecture_and_page(installed, tmp_path):
    how = {"cwd": tmp_path, "env": installed}
    assert minicnn("exercises", "--only", 1, **how).returncode == 2
    done = minicnn("exercises", "--copy", **how)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "examples" / "backprop_in_class.ipynb").exists()
    done = minicnn("exercises", "--only", 1, **how)
    assert done.returncode == 1 and "not started  ex01_linear_backward.py" in done.stdout
    done = minicnn("draw", "--export", "page", **how)
    assert done.returncode == 0 and (tmp_path / "page" / "weights.bin").exists()


@pytest.mark.slow
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
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout.strip()) == (0, "4000 1000"), done.stderr
