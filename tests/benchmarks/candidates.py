"""What train_step.py compares: the same work by minicnn, PyTorch and JAX, each behind two calls.

``make(name, task, batch_size)`` -> an object with ``run(batches)``, which does the work and returns the last loss,
and ``close()``. A batch is an array of indices into the 4,000 training digits of the bundled sample. Training: a
uint8 batch is gathered, normalised, taken forwards and backwards, and SGD updates the weights. Initial weights are
the same everywhere, so the first losses must agree.

A name is who computes, and how after a comma: "minicnn, 2 threads", "minicnn, plain NumPy", "PyTorch eager, 1 thread".
"""

import logging
import sys
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.compiled.steps import Steps

sys.path.insert(0, str(Path(__file__).parent))

LR = {"lenet5": 1e-3, "modern": 1e-3}
TEST_DIGITS = 10_000
PLAIN = "minicnn, plain NumPy"
"""As without Numba, on one core."""


def momentum_of(batch_size):
    """One pattern at a time is plain SGD, as in 1998; mini-batches have momentum."""
    return 0.0 if batch_size == 1 else 0.9


def make(name, task, batch_size):
    kind, _, detail = name.partition(", ")
    threads = int(detail.split()[0]) if "thread" in detail else None
    if name == PLAIN:
        sys.modules["numba"] = None  # not to be found from now on
        logging.getLogger("minicnn").setLevel(logging.ERROR)
    if kind == "minicnn":
        return OursPredicting() if task == "predict" else Ours(task, batch_size, threads)
    if kind == "JAX jit":
        return Jax(batch_size)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    return TorchPredicting() if task == "predict" else Torch(task, batch_size, compiled=kind == "torch.compile")


def cores_of(name, task):
    """How many cores the candidate's process may use; None for all."""
    if name == PLAIN or (task == "predict" and name == "minicnn, 1 thread"):
        return 1
    return None


def our_network(task):
    """(network, criterion): both models give logits to a softmax, LeNet-5 its negative distances."""
    if task == "modern":
        return mc.models.lenet_modern(rng=0), mc.losses.CrossEntropyLoss()
    return mc.models.lenet5(rng=0), mc.losses.MAPLoss()


class Ours:
    def __init__(self, task, batch_size, threads):
        train, (net, loss) = mc.data.load_sample()[0], our_network(task)
        self.lr = LR[task]
        optimizer = mc.optim.SGD(net.parameters(), self.lr, momentum=momentum_of(batch_size))
        self.steps = Steps(net, loss, optimizer, train, batch_size, threads).__enter__()

    def run(self, batches):
        *_, (indices, _, loss, _) = self.steps.epoch(batches, [self.lr] * len(batches))
        return loss / len(indices)

    def close(self):
        self.steps.__exit__(None, None, None)


class Torch:
    """PyTorch on all cores, its data a uint8 tensor; ``compiled`` by torch.compile."""

    def __init__(self, task, batch_size, compiled):
        import torch
        import torch_lenet5
        from torch.nn import functional as F

        train, (net, _) = mc.data.load_sample()[0], our_network(task)
        images = torch.from_numpy(train.images.copy())
        labels = torch.from_numpy(train.labels.astype(np.int64))
        model = torch_lenet5.load_ours(torch_lenet5.MODELS[task](), net)
        optimizer = torch.optim.SGD(model.parameters(), LR[task], momentum=momentum_of(batch_size))

        def lenet5_loss(indices):
            x = F.pad(images[indices].float().mul_(1.275 / 255).add_(-0.1), (2, 2, 2, 2), value=-0.1)[:, None]
            return F.cross_entropy(-model(x), labels[indices])

        def modern_loss(indices):
            return F.cross_entropy(model(images[indices].float().div_(255)[:, None]), labels[indices])

        loss_of = {"lenet5": lenet5_loss, "modern": modern_loss}[task]
        if compiled:
            loss_of = torch.compile(loss_of)
        self.torch, self.loss_of, self.optimizer = torch, loss_of, optimizer

    def run(self, batches):
        for indices in batches:
            self.optimizer.zero_grad()
            loss = self.loss_of(self.torch.from_numpy(indices))
            loss.backward()
            self.optimizer.step()
            value = loss.item()
        return value

    def close(self):
        del self.loss_of, self.optimizer


class Jax:
    def __init__(self, batch_size):
        import jax_lenet5

        train, (net, _) = mc.data.load_sample()[0], our_network("lenet5")
        self.images, self.labels = train.images, train.labels.astype(np.int32)
        self.p = jax_lenet5.parameters(net)
        self.v = {name: 0 * value for name, value in self.p.items()}
        self.jax_step, self.momentum = jax_lenet5.jitted_step, momentum_of(batch_size)

    def run(self, batches):
        for indices in batches:
            batch = self.images[indices], self.labels[indices]
            loss, self.p, self.v = self.jax_step(self.p, self.v, *batch, LR["lenet5"], self.momentum)
            value = float(loss)
        return value

    def close(self):
        del self.p, self.v


def test_digits():
    images = mc.data.load_sample()[0].images
    return images[np.arange(TEST_DIGITS) % len(images)]


class OursPredicting:
    """In as many threads as the process has cores."""

    def __init__(self):
        self.net, self.images = mc.models.lenet5(rng=0), test_digits()

    def run(self, batches):
        for _ in batches:
            labels = self.net.predict(self.images)
        return float(labels.mean())

    def close(self):
        del self.net


class TorchPredicting:
    """In parts of 250, the fastest of several sizes for it on the machine of the README's table."""

    PART = 250

    def __init__(self):
        import torch
        import torch_lenet5

        self.torch, self.images = torch, torch.from_numpy(test_digits())
        self.model = torch_lenet5.load_ours(torch_lenet5.MODELS["lenet5"](), our_network("lenet5")[0]).eval()

    def run(self, batches):
        pad = self.torch.nn.functional.pad
        for _ in batches:
            with self.torch.inference_mode():
                parts = []
                for start in range(0, len(self.images), self.PART):
                    x = self.images[start : start + self.PART].float().mul_(1.275 / 255).add_(-0.1)
                    parts.append(self.model(pad(x, (2, 2, 2, 2), value=-0.1)[:, None]).argmin(dim=1))
                labels = self.torch.cat(parts)
        return float(labels.double().mean())

    def close(self):
        del self.model
