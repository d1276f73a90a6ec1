"""Every kernels/cuda/*.cu compiles with NVRTC, through CuPy's own code, for four generations of GPUs; needs no GPU.

tests/benchmarks/kernel_resources.py asks the compiler. Skipped where CuPy or NVRTC is missing.
"""

import importlib.util
import json
from pathlib import Path

import device_stream
import host_kernels
import numpy as np
import pytest

from minicnn.backend import kernels

MOST_OF_A_TOWER = 227 * 1024
"""Bytes of shared memory that a block may ask for on an H100, whose towers the table has."""

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TABLE = json.loads((BENCHMARKS / "results" / "kernel_resources.json").read_text(encoding="utf-8"))


def _script(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


resources, estimate = _script("kernel_resources"), _script("gpu_estimate")
OBSTACLE = resources.obstacle()  # asked now, before a test puts its stand-in in CuPy's place
with_nvrtc = pytest.mark.skipif(OBSTACLE is not None, reason=f"no NVRTC: {OBSTACLE}")


@pytest.fixture(scope="module")
def compiled():
    """{architecture: {dtype: {kernel: numbers}}}; a warning of the compiler is an error."""
    return resources.measured()


def each(results):
    for architecture, by_type in results.items():
        for dtype, by_name in by_type.items():
            for name, numbers in by_name.items():
                yield f"{name} in {dtype} for sm_{architecture}", numbers


@with_nvrtc
def test_no_kernel_spills_or_crowds_a_multiprocessor(compiled):
    """Every GPU since Turing has 65,536 registers a multiprocessor: room for two blocks of 256 threads, at least."""
    assert set(compiled) == set(resources.ARCHITECTURES)
    for words, numbers in each(compiled):
        assert numbers["spilled"] == numbers["stack"] == 0, f"{words} keeps registers in memory"
        assert 0 < numbers["registers"] <= 65_536 // (2 * kernels.THREADS), words
        most = MOST_OF_A_TOWER if "_to_" in words else kernels.SHARED_MEMORY  # smaller GPUs get smaller towers
        assert numbers["shared"] <= most, words


@with_nvrtc
def test_two_blocks_of_a_tower_fit_on_a_multiprocessor_where_samples_are_many():
    """At batch 256 there are more blocks than multiprocessors: 65,536 registers are for two of 512 threads."""
    towers = [launch for launch in estimate.recorded.launches("lenet5", samples=256) if "_to_" in launch[2]]
    assert len(towers) == 3
    for code, options, name, _, block, *_ in towers:
        _, found = estimate.compiled(code, options)
        assert found[name]["registers"] * np.prod(block) * 2 <= 65_536, name


@with_nvrtc
def test_the_table_of_registers_and_memory_is_true(compiled):
    """tests/benchmarks/kernel_resources.py writes it; another NVRTC may give other registers, and the same one gives a
    tower a few more or less from run to run."""
    for (words, numbers), (known_words, known) in zip(each(compiled), each(TABLE["kernels"]), strict=True):
        assert words == known_words
        assert numbers["shared"] == known["shared"], words
        if resources.version() == TABLE["nvrtc"]:
            tower = {"registers": pytest.approx(known["registers"], abs=8)} if "_to_" in words else {}
            assert numbers == {**known, **tower}, f"{words}: write the table again"


@with_nvrtc
def test_weights_sent_into_shared_memory_are_the_same_weights(monkeypatch):
    """By the code that a GPU gets: on the host, what sends them is another function."""
    found = []
    for memory, sent in ((MOST_OF_A_TOWER, True), (MOST_OF_A_TOWER // 2, False)):
        monkeypatch.setattr(device_stream.Device, "attributes", {"MaxSharedMemoryPerBlockOptin": memory})
        launches = estimate.recorded.launches("lenet5", samples=2)
        code, options, name, grid, block, args, shared = next(one for one in launches if "_to_" in one[2])
        assert ("send<" in code.split(f" {name}(")[1]) == sent
        names = [name for _, name in host_kernels.RawModule([], code=code, options=options).signatures[name]]
        done = estimate.run_block(1, estimate.compiled(code, options)[0][name], grid, block, args, shared)
        places = zip(names, done.arguments.values(), args, strict=True)
        found.append({name: done.memory[at:][: a.nbytes].tobytes() for name, at, a in places if hasattr(a, "get")})
    assert found[0] == found[1]


@with_nvrtc
def test_a_warning_is_an_error(monkeypatch):
    monkeypatch.setattr(kernels, "source", lambda file: 'extern "C" __global__ void f(int a) { int unused; }')
    with pytest.raises(RuntimeError, match=r"f.cu \(float32, sm_75\): [^\0]*unused"):
        resources.measured(["f.cu"])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", resources.REALS)
def test_the_stand_in_counts_shared_memory_as_cudas_compiler_does(fake_cupy, dtype):
    for file in resources.files():
        module = kernels.compiled(fake_cupy, file, dtype)
        for name in module.signatures:
            known = TABLE["kernels"]["90"][dtype][name]["shared"]
            assert module.get_function(name).shared_size_bytes == known, name
