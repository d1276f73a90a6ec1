"""SGD, Adam and AdamW against PyTorch's in all variants, step by step. Skipped where PyTorch is missing."""

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch")

VARIANTS = {
    "SGD, plain": ("SGD", {}),
    "SGD, momentum": ("SGD", {"momentum": 0.9}),
    "SGD, Nesterov": ("SGD", {"momentum": 0.8, "nesterov": True}),
    "SGD, weight decay": ("SGD", {"weight_decay": 0.1}),
    "SGD, momentum and weight decay": ("SGD", {"momentum": 0.9, "weight_decay": 0.05}),
    "SGD, Nesterov and weight decay": ("SGD", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.05}),
    "Adam": ("Adam", {}),
    "Adam, betas and eps": ("Adam", {"betas": (0.5, 0.7), "eps": 1e-3}),
    "Adam, weight decay": ("Adam", {"weight_decay": 0.1}),
    "Adam, AMSGrad": ("Adam", {"amsgrad": True, "betas": (0.5, 0.5)}),
    "AdamW": ("AdamW", {}),
    "AdamW, AMSGrad and weight decay": ("AdamW", {"amsgrad": True, "weight_decay": 0.3}),
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
    kind, how = VARIANTS[name]
    optimizer = getattr(mc.optim, kind)(net.parameters(), 0.1, **how)
    torch_optimizer = getattr(torch.optim, kind)(model.parameters(), 0.1, **how)
    start = net.vector.values.copy()

    for step in range(6):
        if schedule:
            optimizer.lr = torch_optimizer.param_groups[0]["lr"] = schedule[step]
        x, labels = rng.standard_normal((6, 8)), rng.integers(0, 3, 8)
        loss.forward(net.forward(x), labels)
        net.backward(loss.backward())
        optimizer.step()
        torch_optimizer.zero_grad()
        torch_loss(model(torch.from_numpy(x.T.copy())), torch.from_numpy(labels)).backward()
        torch_optimizer.step()
        for p, tensor in zip(net.parameters(), model.parameters()):
            np.testing.assert_allclose(p.value, tensor.detach().numpy(), rtol=1e-11, atol=1e-13, err_msg=p.name)
    assert np.abs(net.vector.values - start).max() > 0.01
