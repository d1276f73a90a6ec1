"""Where a training step of LeNet-5 spends its time: microseconds an image by primitive, on one thread.

Each primitive of the compiled step is run by itself, over the arrays of a real step. Beside it stands how fast its
multiplications and additions come, and this machine's own matrix products, the fastest there is. The gradients of C5's
and F6's weights are made at the end of the step. Last the whole step, which also adds up the parts' other gradients and
updates the weights. Needs Numba.

    python tests/benchmarks/profile_layers.py --picture tests/benchmarks/results/profile_layers.png
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import minicnn as mc
from minicnn.compiled import loops
from minicnn.compiled.forms import part_size
from minicnn.compiled.late import LateForm, LateGradients
from minicnn.compiled.program import Program
from minicnn.compiled.steps import Steps

BATCH = 64
REPEATED = 8
"""Times that a primitive is computed in one call, for a call from Python takes as long as a small primitive."""
TITLES = {
    "convolution": "convolution, squashing", "convolution_weight_gradient": "weight gradient",
    "convolution_input_gradient": "input gradient", "dense": "matrix product, squashing",
    "dense_weight_gradient": "its factors are kept", "dense_input_gradient": "input gradient",
    "dense_gradient": "weight gradient",
    "subsampling": "subsampling, squashing", "subsampling_backward": "all its gradients",
    "gather": "the bytes become pixels", "rbf_criterion": "distances, loss, their gradients",
}  # fmt: skip


@dataclass
class Line:
    """A primitive of the step. run: computes it for so many images; products: multiplications and additions of an
    image, 0 where there are hardly any."""

    layer: str
    primitive: str
    run: Callable
    images: int
    products: int
    microseconds: float = 0.0

    @property
    def backward(self):
        return "gradient" in self.primitive or "backward" in self.primitive

    @property
    def title(self):
        return f"{self.layer}  {TITLES[self.primitive]}".strip()

    @property
    def flops(self):
        """Multiplications and additions a second; None where there are hardly any."""
        return self.products / (1e-6 * self.microseconds) if self.products else None


class Watched(LateForm):
    """The CPU's form, which also keeps what it has prepared: (primitive, its arguments, its calls)."""

    def __init__(self, *how):
        super().__init__(*how)
        self.prepared = []

    def prepare(self, primitive, *arguments):
        calls = super().prepare(primitive, *arguments)
        self.prepared.append((primitive, arguments, calls))
        return calls


def lines_of_a_step(net, loss, digits):
    """[Line in the order of a step]."""
    samples, gradient = part_size(net, BATCH), np.zeros_like(net.vector.grads)
    lanes, position = -(-BATCH // samples), np.array([0, samples, 0, 0])
    late = LateGradients(np.zeros_like(gradient), lanes, 1)
    form = Watched(net.backend, net.dtype, late, position, gradient)
    scale, result = np.full(1, 1 / BATCH, net.dtype), np.zeros(2)
    data = digits.images, digits.labels, np.arange(samples), position
    Program(net, form, samples, *data, loss, gradient, scale, result, bind=False)
    owned = [(p.name.partition(".")[0], p.value) for p in net.parameters()]
    stretches = np.split(gradient, np.cumsum([p.size for p in net.parameters()])[:-1])
    owned += [(layer, stretch) for (layer, _), stretch in zip(list(owned), stretches)]

    def owner(arrays):
        return next((layer for layer, own in owned if any(np.shares_memory(a, own) for a in arrays)), "")

    lines = []
    for primitive, arguments, calls in form.prepared:
        layer = owner([a for a in arguments if isinstance(a, np.ndarray)])
        run, products = loops.sequence(calls * REPEATED), products_of(primitive, arguments) / samples
        lines.append(Line(layer, primitive, run, REPEATED * samples, products))
    for layer, call in zip(late.layers.values(), late.share(form, 0, 1)[0]):
        arguments = lanes, np.ones(lanes, np.int64), *call.arrays
        run = partial(loops.compiled(loops._kernel(*call.maker), arguments), *arguments)
        name = owner([gradient[slice(*layer.weights)]])
        lines.append(Line(name, "dense_gradient", run, BATCH, 2 * layer.units * layer.features))
    return lines


def products_of(primitive, arguments):
    """Multiplications and additions of a convolution's or a fully connected layer's primitive."""
    shapes = [a.shape for a in arguments if isinstance(a, np.ndarray)]
    if primitive.startswith("convolution"):
        window, connections = (next(a for a in arguments if hasattr(a, name)) for name in ("stride", "pairs"))
        d = shapes[-1] if primitive == "convolution" else shapes[0]
        return 2 * len(connections.pairs) * window.size[0] * window.size[1] * d[1] * d[2] * d[3]
    if primitive == "dense":  # x, weights, ...
        return 2 * np.prod(shapes[1]) * shapes[0][-1]
    if primitive == "dense_input_gradient":  # d, weights, ...
        return 2 * np.prod(shapes[1]) * shapes[0][-1]
    return 0


def microseconds(function, rounds):
    """The median of so many calls, after some that warm up."""
    times = []
    for _ in range(rounds + 5):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times[5:])


def whole_step(net, loss, digits, rounds):
    """Microseconds an image of training as ``fit`` does it, on one thread."""
    optimizer = mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)
    batches = list(np.random.default_rng(0).integers(0, len(digits), (20, BATCH)))
    with Steps(net, loss, optimizer, digits, BATCH, threads=1) as steps:
        return microseconds(lambda: list(steps.epoch(batches, [1e-3] * 20)), rounds) / (20 * BATCH)


def matrix_product_speed():
    """FLOP/s of float32 products of 1024 x 1024 matrices."""
    a, b = (np.random.default_rng(i).standard_normal((1024, 1024)).astype("float32") for i in (0, 1))
    return 2 * 1024**3 / (1e-6 * microseconds(lambda: a @ b, 15))


def draw(lines, whole, products, path):
    """A bar a primitive in the order of a step, and behind it how fast its products come."""
    from minicnn.plots.canvas import BLUE, GREY, ORANGE, sheet

    with sheet(path, layout="constrained") as figure:
        axes = figure.subplots()
        at = range(len(lines) + 1)
        rest = max(0.0, whole - sum(line.microseconds for line in lines))
        times = [*(line.microseconds for line in lines), rest]
        colours = [*(ORANGE if line.backward else BLUE for line in lines), GREY]
        axes.barh(at, times, 0.75, color=colours)
        axes.set_yticks(at, [*(line.title for line in lines), "sum of the parts, SGD, all else"], fontsize=11)
        axes.invert_yaxis()
        for i, line in enumerate(lines):
            if line.flops:
                text = f" {line.flops / 1e9:.0f} GFLOP/s, {line.flops / products:.0%}"
                axes.text(line.microseconds, i, text, va="center", fontsize=11)
        axes.set_xlim(0, 1.25 * max(times))
        speed = f"{products / 1e9:.0f} GFLOP/s"
        axes.set_xlabel(f"µs an image, one thread; %: of the speed of the machine's own matrix products, {speed}")
        for colour, what in ((BLUE, "forwards"), (ORANGE, "backwards")):
            axes.barh([0], [0], color=colour, label=what)
        axes.legend(frameon=False, loc="upper right")
        figure.suptitle(f"A training step of LeNet-5: {whole:.0f} µs an image")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="of each primitive (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the times there (PNG)")
    args = parser.parse_args()
    net, loss, digits = mc.models.lenet5(rng=0), mc.losses.MAPLoss(), mc.data.load_sample()[0]
    lines = lines_of_a_step(net, loss, digits)
    with threadpool_limits(1):
        products = matrix_product_speed()
        for line in lines:
            line.microseconds = microseconds(line.run, args.rounds) / line.images
        whole = whole_step(net, loss, digits, max(3, args.rounds // 10))
    print(f"{'layer':7}{'primitive':30}{'µs an image':>12}{'GFLOP/s':>10}{'of products':>13}")
    for line in lines:
        speed = f"{line.flops / 1e9:10.1f}{line.flops / products:13.0%}" if line.flops else ""
        print(f"{line.layer:7}{line.primitive:30}{line.microseconds:12.2f}{speed}")
    print(f"{'':7}{'all primitives':30}{sum(line.microseconds for line in lines):12.2f}")
    print(f"{'':7}{'a whole step':30}{whole:12.2f}")
    print(f"{'':7}{'matrix products 1024 x 1024':30}{'':12}{products / 1e9:10.1f}")
    if args.picture:
        draw(lines, whole, products, args.picture)


if __name__ == "__main__":
    main()
