"""LeNet-5 and its modern variant in PyTorch: same layers, same squashings, same numbers as ours."""

import torch
from torch import nn
from torch.nn import functional as F

from minicnn.models.lenet5 import TABLE_I
from minicnn.models.prototypes import digit_prototypes


class Squash(nn.Module):
    def forward(self, x):
        return 1.7159 * torch.tanh(x * (2 / 3))


class TrainableSubsampling(nn.Module):
    """coefficient · (sum of a 2x2 block) + bias, one of each a map."""

    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        return 4 * self.coefficient * F.avg_pool2d(x, 2) + self.bias


class TableConv2d(nn.Conv2d):
    """A convolution whose weights outside the connection table are held at zero by a mask."""

    def __init__(self, in_channels, out_channels, kernel_size, table):
        super().__init__(in_channels, out_channels, kernel_size)
        mask = torch.zeros_like(self.weight)
        for o, maps in enumerate(table):
            mask[o, list(maps)] = 1
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias)


class SquaredDistances(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("prototypes", torch.tensor(digit_prototypes(), dtype=torch.float32))

    def forward(self, x):
        return ((x[:, None, :] - self.prototypes) ** 2).sum(dim=2)


def lenet5():
    """(N, 1, 32, 32) -> squared distances (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), Squash(), TrainableSubsampling(6), Squash(),
        TableConv2d(6, 16, 5, TABLE_I), Squash(), TrainableSubsampling(16), Squash(),
        nn.Conv2d(16, 120, 5), Squash(), nn.Flatten(), nn.Linear(120, 84), Squash(), SquaredDistances(),
    )  # fmt: skip


def lenet_modern():
    """(N, 1, 28, 28) -> logits (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10),
    )  # fmt: skip


MODELS = {"lenet5": lenet5, "modern": lenet_modern}


def load_ours(model, net):
    """Copy the weights of our network into its twin here, so that both compute the same."""
    values = [net.backend.to_numpy(p.value) for p in net.parameters()]
    if "C3" in [layer.name for layer in net]:
        names = [p.name for p in net.parameters()]
        values[names.index("C3.weight")] = net.backend.to_numpy(net["C3"].dense_weight())
    with torch.no_grad():
        for its, value in zip(model.parameters(), values):
            its.copy_(torch.from_numpy(value.copy()).reshape(its.shape))
    return model
