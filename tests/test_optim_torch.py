"""SGD in all its variants against PyTorch's, over some steps of training. Skipped where PyTorch is missing."""

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch")

VARIANTS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "Nesterov": {"momentum": 0.8, "nesterov": True},
    "weight decay": {"weight_decay": 0.1},
    "momentum and weight decay": {"momentum": 0.9, "weight_decay": 0.05},
    "Nesterov and weight decay": {"momentum": 0.5, "nesterov": True, "weight_decay": 0.05},
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("schedule", [None, [0.1, 0.1, 0.02, 0.0, 0.3, 0.05]], ids=["constant lr", "changing lr"])
def test_trajectories(name, schedule):
    rng = np.random.default_rng(0)
    net = mc.Sequential([mc.Linear(6, 5, rng=rng), mc.Tanh(), mc.Linear(5, 3, rng=rng)]).to(dtype="float64")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for p, tensor in zip(net.parameters(), model.parameters()):
            tensor.copy_(torch.from_numpy(p.value.copy()))
    loss, torch_loss = mc.losses.CrossEntropyLoss(), nn.CrossEntropyLoss()
    sgd = mc.optim.SGD(net.parameters(), 0.1, **VARIANTS[name])
    torch_sgd = torch.optim.SGD(model.parameters(), 0.1, **VARIANTS[name])
    start = net.vector.values.copy()

    for step in range(6):
        if schedule:
            sgd.lr = torch_sgd.param_groups[0]["lr"] = schedule[step]
        x, labels = rng.standard_normal((6, 8)), rng.integers(0, 3, 8)
        loss.forward(net.forward(x), labels)
        net.backward(loss.backward())
        sgd.step()
        torch_sgd.zero_grad()
        torch_loss(model(torch.from_numpy(x.T.copy())), torch.from_numpy(labels)).backward()
        torch_sgd.step()
        for p, tensor in zip(net.parameters(), model.parameters()):
            np.testing.assert_allclose(p.value, tensor.detach().numpy(), rtol=1e-11, atol=1e-13, err_msg=p.name)
    assert np.abs(net.vector.values - start).max() > 0.01
