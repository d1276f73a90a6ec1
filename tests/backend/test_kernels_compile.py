"""Every kernels/*.cu compiles for the GPUs in use today, without a warning. Needs nvcc, but no GPU."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minicnn.backend import kernels

NVCC = shutil.which("nvcc")
FILES = sorted(entry.name for entry in kernels._folder().iterdir() if entry.name.endswith(".cu"))
WANTED = ("70", "75", "80", "90")  # Volta (gone from CUDA 13), Turing, Ampere, Hopper


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def architectures():
    known = set(re.findall(r"compute_(\d+)", run(NVCC, "--list-gpu-arch").stdout))
    return [a for a in WANTED if a in known]


def test_the_kernels_are_found():
    assert {"im2col.cu", "col2im.cu", "subsampling.cu", "max_pooling.cu"} <= set(FILES)


@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
@pytest.mark.parametrize("file", FILES)
def test_compiles_without_a_warning(file, architectures, tmp_path):
    assert architectures
    path = tmp_path / file
    path.write_text(kernels.source(file), encoding="utf-8")

    def build(real, arch):
        strict = ["-Werror", "all-warnings", "-std=c++14", f"-DREAL={real}", f"-arch=sm_{arch}"]
        return run(NVCC, *strict, "-cubin", "-o", str(Path(tmp_path) / f"{real}{arch}.cubin"), str(path))

    jobs = [(real, arch) for real in ("float", "double") for arch in architectures]
    with ThreadPoolExecutor(4) as pool:
        for job, done in zip(jobs, pool.map(lambda job: build(*job), jobs)):
            assert done.returncode == 0, f"{job}:\n{done.stderr}"
