"""tests/benchmarks/gpu.py runs from beginning to end on the stand-in: no GPU's time is lost on a slip."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import BackendNotAvailableError

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def gpu():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", sys.path[:])
        spec = importlib.util.spec_from_file_location("gpu_benchmark", FOLDER / "gpu.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def few_digits(gpu, monkeypatch):
    train, test = mc.data.load_sample()
    few = train.subset(slice(9)), mc.data.Dataset(test.images[:6], test.labels[:6])
    monkeypatch.setattr(gpu, "digits", lambda directory: few)
    monkeypatch.setattr(gpu, "PASSES", (2,))


@pytest.mark.slow
def test_one_command_checks_measures_and_writes(device, gpu, few_digits, tmp_path, capsys):
    path = tmp_path / "gpu.json"
    gpu.main(["--output", str(path), "--batch-sizes", "4", "--steps", "3", "--rounds", "2", "--check-steps", "3",
              "--seeds", "1"])  # fmt: skip
    results = json.loads(path.read_text())
    assert results["about"]["device"] == "stand-in"
    assert results["correctness"]["float32"]["error"] < gpu.ROUNDING and results["correctness"]["float64"]["bit_equal"]
    names = ["minicnn, a kernel a primitive", "minicnn, launched", "minicnn, captured"]
    assert list(results["speed"]["4"]) == names
    assert [results["speed"]["4"][name]["kernels_a_step"] for name in names] == [18, 2, 2]
    for numbers in results["speed"]["4"].values():
        assert numbers["images_per_second"] > 0 and numbers["epoch_images"] == 9
    assert results["evaluation"]["images"] == 6 and results["evaluation"]["milliseconds"] > 0
    assert results["evaluation"]["again_milliseconds"] > 0
    assert results["to_99_percent"][0]["accuracy"] <= 1
    assert gpu.table(results) in capsys.readouterr().out


@pytest.mark.slow
def test_a_wrong_kernel_stops_it(device, gpu, few_digits, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "LR", 0.1)
    monkeypatch.setattr(gpu, "on_numpy", lambda dataset, batches, dtype: np.ones(60_000, dtype))
    with pytest.raises(SystemExit, match="the GPU path is wrong"):
        gpu.main(["--batch-sizes", "4", "--check-steps", "1"])


def test_without_a_gpu_it_says_so(gpu, monkeypatch):
    def missing(name):
        raise BackendNotAvailableError("no CUDA device was found")

    monkeypatch.setattr(gpu.mc.backend, "get", missing)
    with pytest.raises(SystemExit, match="no GPU to measure on: no CUDA device was found"):
        gpu.main([])


@pytest.mark.slow
def test_pytorchs_step_is_ours(gpu):
    """On the CPU, where its graphs cannot be captured."""
    pytest.importorskip("torch")
    from gpu_torch import TorchStep

    train = mc.data.load_sample()[0].subset(slice(40))
    theirs = TorchStep(mc.models.lenet5(rng=0), train, 8, gpu.LR, gpu.MOMENTUM, captured=False, device="cpu")
    net, batches = mc.models.lenet5(rng=0), [theirs.order[i : i + 8].numpy() for i in (0, 8, 16)]
    outputs = net.forward(net.input(train.images[batches[0]]))
    loss = mc.losses.MAPLoss().forward(outputs, train.labels[batches[0]])
    assert theirs.first_loss() == pytest.approx(loss, rel=1e-5)
    ours = gpu.on_numpy(train, batches, "float32")
    theirs.run(3)
    f6, own = theirs.model[11].bias.detach().numpy(), ours[-84:]
    np.testing.assert_allclose(f6, own, rtol=1e-3, atol=1e-6)
