"""Every kernels/*.cu compiles with nvcc for the GPUs in use today, without a warning. Needs no GPU."""

import re
import shutil
import subprocess

import pytest

from minicnn.backend import kernels

NVCC = shutil.which("nvcc")
FILES = sorted(entry.name for entry in kernels.folder().iterdir() if entry.name.endswith(".cu"))
WANTED = ("70", "75", "80", "90")  # Volta (gone from CUDA 13), Turing, Ampere, Hopper


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def architectures():
    known = set(re.findall(r"compute_(\d+)", run(NVCC, "--list-gpu-arch").stdout))
    return [a for a in WANTED if a in known]


def test_the_kernels_are_found():
    assert {"im2col.cu", "col2im.cu", "max_pooling.cu", "convolution.cu", "product.cu", "sgd.cu"} <= set(FILES)


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
@pytest.mark.parametrize("file", FILES)
def test_compiles_without_a_warning(file, architectures, tmp_path):
    assert architectures
    path = tmp_path / file
    path.write_text(kernels.source(file), encoding="utf-8")
    targets = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
    for real in ("float", "double"):
        strict = ["-Werror", "all-warnings", "-std=c++14", f"-DREAL={real}", *targets]
        done = run(NVCC, *strict, "-fatbin", "-o", str(tmp_path / "kernel.fatbin"), str(path))
        assert done.returncode == 0, f"{real}:\n{done.stderr}"
