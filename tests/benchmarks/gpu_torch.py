"""The training step of LeNet-5 in PyTorch on a GPU, eager and as a CUDA graph, for tests/benchmarks/gpu.py."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
import torch_lenet5


class TorchStep:
    """Gather and normalise a batch of bytes, forward, softmax over negative distances, backward, SGD with momentum.

    Everything stays on the device: the data set, the shuffled order, and the losses, which nobody reads on the way.
    The same work as minicnn's, by PyTorch's own kernels (cuDNN, cuBLAS) with its default settings.
    """

    def __init__(self, net, dataset, batch_size, lr, momentum, captured, device="cuda"):
        self.images = torch.from_numpy(dataset.images.copy()).to(device)
        self.labels = torch.from_numpy(dataset.labels.astype(np.int64)).to(device)
        self.model = torch_lenet5.load_ours(torch_lenet5.lenet5(), net).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr, momentum=momentum)
        self.batch_size, self.batch, self.graph = batch_size, 0, None
        order = np.random.default_rng(0).permutation(len(dataset))
        self.order = torch.from_numpy(order[: len(order) // batch_size * batch_size]).to(device)
        self.indices = self.order[:batch_size].clone()
        if captured:
            self._capture()

    def _step(self):
        pixels = self.images[self.indices].float().mul_(1.275 / 255).add_(-0.1)
        x = F.pad(pixels, (2, 2, 2, 2), value=-0.1)[:, None]
        self.optimizer.zero_grad(set_to_none=True)
        self.loss = F.cross_entropy(-self.model(x), self.labels[self.indices])
        self.loss.backward()
        self.optimizer.step()

    def _capture(self):
        """As PyTorch's notes on CUDA graphs tell: warm up on a side stream, then capture the whole step."""
        kept = [p.detach().clone() for p in self.model.parameters()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self.graph = graph
        with torch.no_grad():
            for p, before in zip(self.model.parameters(), kept):
                p.copy_(before)

    def run(self, steps):
        """Ask the device for so many steps; returns before they are done."""
        for _ in range(steps):
            start = self.batch * self.batch_size % len(self.order)
            self.indices.copy_(self.order[start : start + self.batch_size])
            self.graph.replay() if self.graph else self._step()
            self.batch += 1

    def milliseconds(self, steps):
        """How long the device takes for so many steps, by its own clock."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        self.run(steps)
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end)

    def first_loss(self):
        """Of the first batch, before any step."""
        self.indices.copy_(self.order[: self.batch_size])
        with torch.no_grad():
            pixels = self.images[self.indices].float().mul_(1.275 / 255).add_(-0.1)
            x = F.pad(pixels, (2, 2, 2, 2), value=-0.1)[:, None]
            return F.cross_entropy(-self.model(x), self.labels[self.indices]).item()

    def kernels(self):
        """Kernels and copies that one step starts, as PyTorch's profiler counts them."""
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as record:
            self.run(1)
            torch.cuda.synchronize()
        return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in record.events())
