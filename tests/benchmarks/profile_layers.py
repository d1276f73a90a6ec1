"""Where a training step of LeNet-5 spends its time: microseconds an image by layer and by primitive, one thread.

Beside each layer stands what it must cost at least: the multiplications and additions of its products, and the bytes
of what it must read and write; and PyTorch's time for the same layer, on one thread too, where PyTorch is installed.

    python tests/benchmarks/profile_layers.py --picture tests/benchmarks/results/profile_layers.png
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import minicnn as mc
from minicnn.models.lenet5 import INPUT_SHAPE

sys.path.insert(0, str(Path(__file__).parent))

PRIMITIVES = ("im2col", "sum_of_products", "conv_input_gradient", "outer_products", "map_sums", "map_products",
              "squared_distances", "scaled_tanh", "scaled_tanh_backward", "window_sum", "window_spread")  # fmt: skip


class Stopwatch:
    """Times methods of objects: ``times[label]`` is the list of how long each call took, in seconds."""

    def __init__(self):
        self.times = {}

    def watch(self, owner, method, label):
        function = getattr(owner, method)

        def timed(*args, **how):
            start = time.perf_counter()
            result = function(*args, **how)
            self.times.setdefault(label, []).append(time.perf_counter() - start)
            return result

        setattr(owner, method, timed)

    def per_step(self, label, steps):
        """Microseconds a step: the median call times the calls a step."""
        calls = self.times.get(label, [])
        return 1e6 * statistics.median(calls) * len(calls) / steps if calls else 0.0


def profile_ours(samples, steps):
    """-> ({layer: (forward, backward)}, {primitive: time}), microseconds an image, of whole training steps."""
    from minicnn.training.step import GradientStep

    def run(watch_layers):
        train, net, loss = mc.data.load_sample()[0], mc.models.lenet5(rng=0), mc.losses.MAPLoss()
        rng, stopwatch = np.random.default_rng(0), Stopwatch()
        with GradientStep(net, loss, train) as step:
            for _ in range(30):
                step(rng.integers(0, len(train), samples))
            for layer in net if watch_layers else ():
                stopwatch.watch(layer, "forward", (layer.name, 0))
                stopwatch.watch(layer, "backward", (layer.name, 1))
            for backend in {id(layer.backend): layer.backend for layer in net}.values() if not watch_layers else ():
                for name in PRIMITIVES:
                    stopwatch.watch(backend, name, name)
            for _ in range(steps):
                step(rng.integers(0, len(train), samples))
        return net, stopwatch

    net, stopwatch = run(watch_layers=True)
    layers = {
        layer.name: tuple(stopwatch.per_step((layer.name, way), steps) / samples for way in (0, 1)) for layer in net
    }
    _, stopwatch = run(watch_layers=False)
    return layers, {name: stopwatch.per_step(name, steps) / samples for name in PRIMITIVES}


def profile_torch(samples, steps):
    """{layer: (forward, backward)} of PyTorch's modules one by one, on one thread; None without PyTorch."""
    try:
        import torch
        import torch_lenet5
    except ImportError:
        return None
    torch.set_num_threads(1)
    model = torch_lenet5.lenet5()
    names = [layer.name for layer in mc.models.lenet5(rng=0)]
    x, layers = torch.randn(samples, *INPUT_SHAPE), {}
    for name, module in zip(names, model):
        x = x.detach().requires_grad_(name != names[0])
        y = module(x)
        dy, wanted = torch.ones_like(y), [*module.parameters(), *([x] if x.requires_grad else [])]
        times = ([], [])
        for _ in range(steps):
            start = time.perf_counter()
            y = module(x)
            middle = time.perf_counter()
            torch.autograd.grad(y, wanted, dy)
            times[0].append(middle - start)
            times[1].append(time.perf_counter() - middle)
        layers[name] = tuple(1e6 * statistics.median(t) / samples for t in times)
        x = y
    return layers


def floors():
    """{layer: (MFLOP, kB)} of one image, forwards and backwards: products three times, maps read and written twice."""
    net, lines = mc.models.lenet5(rng=0), {}
    for line in net.counts(INPUT_SHAPE):
        products = 2 * line["connections"] if line["name"][0] in "CF" else 0
        maps = np.prod(line["input"]) + np.prod(line["output"])
        ways = 2 if line["name"] == "C1" else 3  # C1 needs no input gradient
        lines[line["name"]] = ways * products / 1e6, 2 * 4 * maps / 1e3
    return lines


def draw(ours, theirs, path):
    """Forward and backward of every layer as bars, ours beside PyTorch's; a squashing counts with its layer."""
    from minicnn.plots.canvas import BLUE, ORANGE, sheet

    def joined(layers):
        sums = {}
        for name, times in layers.items():
            key = name.split()[0]
            sums[key] = tuple(a + b for a, b in zip(sums.get(key, (0, 0)), times))
        return {name: times for name, times in sums.items() if name != "flatten"}

    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        groups = [("minicnn", BLUE, joined(ours))] + ([("PyTorch", ORANGE, joined(theirs))] if theirs else [])
        for i, (who, colour, layers) in enumerate(groups):
            at = np.arange(len(layers)) + (i - (len(groups) - 1) / 2) * 0.4
            forward, backward = (np.array([times[way] for times in layers.values()]) for way in (0, 1))
            total = forward.sum() + backward.sum()
            axes.bar(at, forward, 0.38, color=colour, label=f"{who}, forward ({total:.0f} µs an image in all)")
            axes.bar(at, backward, 0.38, bottom=forward, color=colour, alpha=0.5, label=f"{who}, backward")
        axes.set_xticks(range(len(layers)), layers)
        axes.set_ylabel("µs an image, one thread")
        axes.legend(frameon=False)
        figure.suptitle("A training step of LeNet-5, layer by layer (each with its squashing)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=32, help="at once, as in a training step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the layers' times there (PNG)")
    args = parser.parse_args()
    with threadpool_limits(1):
        ours, primitives = profile_ours(args.samples, args.steps)
        theirs = profile_torch(args.samples, args.steps)
    least = floors()
    print(f"{'layer':14}{'forward':>9}{'backward':>10}{'MFLOP':>8}{'kB':>7}{'PyTorch':>10}{'backward':>10}")
    for name, (forward, backward) in ours.items():
        flops, kilobytes = least.get(name, (0, 0))
        text = f"{name:14}{forward:9.2f}{backward:10.2f}{flops or '':>8.3}{kilobytes or '':>7.3}"
        print(text + ("{:10.2f}{:10.2f}".format(*theirs[name]) if theirs else ""))
    print(f"{'all layers':14}{sum(f for f, _ in ours.values()):9.2f}{sum(b for _, b in ours.values()):10.2f}")
    print("\nprimitive")
    for name, microseconds in sorted(primitives.items(), key=lambda item: -item[1]):
        print(f"{name:24}{microseconds:6.2f}")
    if args.picture:
        draw(ours, theirs, args.picture)


if __name__ == "__main__":
    main()
