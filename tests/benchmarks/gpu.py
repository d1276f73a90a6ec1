"""Is the GPU path right, and how fast is it? LeNet-5's training step, ours and PyTorch's, in one command.

First correctness: 100 steps must end where NumPy's do, within rounding; launched and captured steps must give the same
bits, and so must two runs. Then time, in turn in this process, by device events after a warm-up: PyTorch eager, PyTorch
with a CUDA graph, ours with a kernel a primitive in a graph, ours launched kernel by kernel, ours captured. At last, if
the whole of MNIST is there (--data), the evaluation of the test digits, and the seconds of training until 99.0 % of
them are read rightly. Prints a table and writes the numbers as JSON.

    python tests/benchmarks/gpu.py --data DIR --output tests/benchmarks/results/gpu.json

Needs numpy and cupy, and torch for its part of the table; takes less than 8 minutes.
"""

import argparse
import contextlib
import importlib.util
import json
import statistics
import sys
import time
import types
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

for name, part in (("threadpoolctl", "threadpool_limits"), ("tqdm", "tqdm")):
    if importlib.util.find_spec(name) is None:  # the engine imports them, nothing here is measured through them
        sys.modules[name] = types.ModuleType(name)
        setattr(sys.modules[name], part, lambda *args, **how: contextlib.nullcontext())

import minicnn as mc  # noqa: E402
from minicnn.compiled import graph  # noqa: E402
from minicnn.compiled.cuda import CudaForm  # noqa: E402
from minicnn.compiled.cuda_towers import TowerForm  # noqa: E402
from minicnn.compiled.graph import GraphSteps  # noqa: E402
from minicnn.files import atomic_write  # noqa: E402
from minicnn.training import RECIPES  # noqa: E402

LR, MOMENTUM = 0.005, 0.9

ROUNDING = 2e-5
"""How far float32 weights may be from NumPy's after 100 steps: the norm of the difference over the norm. Two orders of
addition on a CPU differ by 2e-6; ten times that leaves room for a GPU's tanh and fused multiply-adds."""

EXACT = 1e-11
"""The same in float64."""

PASSES = (20, 12)
"""Of the default recipe in the runs to 99.0 %; its learning rate falls to 0 within them."""


class Ours:
    """Our steps on ``backend``, captured or launched, in towers or a kernel a primitive, with PyTorch's methods."""

    def __init__(self, backend, dataset, batch_size, captured, dtype="float32", form=TowerForm):
        self.net = mc.models.lenet5(rng=0, dtype=dtype, backend=backend)
        optimizer = mc.optim.SGD(self.net.parameters(), LR, momentum=MOMENTUM)
        self.steps = GraphSteps(self.net, mc.losses.MAPLoss(), optimizer, dataset, batch_size, capture=captured)
        with mock.patch.object(graph, "TowerForm", form):
            self.steps.__enter__()
        if captured and not self.steps.graphs:
            raise SystemExit("the step could not be captured: see the warning above")
        self.batch_size, self.cuda = batch_size, backend.xp.cuda
        self.batches = list(mc.data.batch_indices(len(dataset), batch_size, 0))
        self.full = len(dataset) // batch_size

    def close(self):
        self.steps.__exit__()

    def run(self, steps):
        """The losses of so many steps, in epochs of the same order."""
        losses = []
        while len(losses) < steps:
            batches = self.batches[: min(self.full, steps - len(losses))]
            losses += [loss for *_, loss, _ in self.steps.epoch(batches, [LR] * len(batches))]
        return losses

    def milliseconds(self, steps):
        """How long the device takes for so many steps, by its own clock."""
        start, end = self.cuda.Event(), self.cuda.Event()
        with self.steps.on_device():
            total = 0.0
            while steps:
                count = min(self.full, steps)
                self.steps.start(self.batches[:count], [LR] * count)
                start.record(self.steps.stream)
                done = 0
                while done < count:
                    done += self.steps.queue(count - done)
                end.record(self.steps.stream)
                end.synchronize()
                total += self.cuda.get_elapsed_time(start, end)
                steps -= count
        return total

    def epoch_milliseconds(self):
        """Of a whole epoch as ``fit`` runs it, the host's clock: order up, all steps, losses down."""
        start = time.perf_counter()
        list(self.steps.epoch(self.batches, [LR] * len(self.batches)))
        return 1000 * (time.perf_counter() - start)

    def first_loss(self):
        return self.run(1)[0] / self.batch_size

    def kernels(self):
        """Kernels that one step starts."""
        return len(self.steps.launches)


# ---------------------------------------------------------------------------------------------- correctness


def on_numpy(dataset, batches, dtype):
    """LeNet-5's weights after these batches, layer by layer."""
    net, loss = mc.models.lenet5(rng=0, dtype=dtype), mc.losses.MAPLoss()
    optimizer = mc.optim.SGD(net.parameters(), LR, momentum=MOMENTUM)
    for indices in batches:
        loss.forward(net.forward(net.input(dataset.images[indices])), dataset.labels[indices])
        net.backward(loss.backward())
        optimizer.step()
    return net.vector.values


def correctness(backend, dataset, batch_size, steps):
    """A dict of what was found; SystemExit if it is not right."""
    found = {"steps": steps, "batch_size": batch_size, "tolerances": {"float32": ROUNDING, "float64": EXACT}}
    for dtype, tolerance in (("float64", EXACT), ("float32", ROUNDING)):
        weights = {}
        for name, captured in (("launched", False), ("captured", True), ("captured again", True)):
            ours = Ours(backend, dataset, batch_size, captured, dtype)
            ours.run(steps)
            weights[name] = backend.to_numpy(ours.net.vector.values).copy()
            ours.close()
        turns = [ours.batches[i % ours.full] for i in range(steps)]
        expected = on_numpy(dataset, turns, dtype)
        error = float(np.linalg.norm(weights["captured"] - expected) / np.linalg.norm(expected))
        found[dtype] = {"error": error, "bit_equal": all((w == weights["captured"]).all() for w in weights.values())}
        print(f"{steps} steps in {dtype}: {error:.1e} from NumPy's weights (at most {tolerance:g}), "
              f"bits {'equal' if found[dtype]['bit_equal'] else 'DIFFERENT'} in three runs", flush=True)  # fmt: skip
        if not (error <= tolerance and found[dtype]["bit_equal"]):
            raise SystemExit("the GPU path is wrong; nothing was measured")
    return found


# ----------------------------------------------------------------------------------------------------- time


def candidates(backend, dataset, batch_size, torch_step):
    """{name: a function that makes it}, the slowest first."""
    makers = {}
    if torch_step is not None:
        net = mc.models.lenet5(rng=0)
        for name, captured in (("PyTorch eager", False), ("PyTorch, CUDA graph", True)):
            makers[name] = lambda c=captured: torch_step(net, dataset, batch_size, LR, MOMENTUM, c)
    for name, captured, form in (
        ("minicnn, a kernel a primitive", True, CudaForm), ("minicnn, launched", False, TowerForm),
        ("minicnn, captured", True, TowerForm),
    ):  # fmt: skip
        makers[name] = lambda c=captured, f=form: Ours(backend, dataset, batch_size, c, form=f)
    return makers


def measure(backend, dataset, batch_size, torch_step, steps, rounds):
    """{name: numbers} at this batch size, the candidates in turn."""
    made = {name: make() for name, make in candidates(backend, dataset, batch_size, torch_step).items()}
    losses = {name: candidate.first_loss() for name, candidate in made.items()}
    print(f"batch {batch_size}: first losses", ", ".join(f"{name} {loss:.5f}" for name, loss in losses.items()))
    numbers = {name: [] for name in made}
    for candidate in made.values():
        candidate.milliseconds(max(2, steps // 10))  # warm-up
    for _ in range(rounds):
        for name, candidate in made.items():
            numbers[name].append(1000 * candidate.milliseconds(steps) / steps)
    results = {}
    for name, candidate in made.items():
        microseconds = statistics.median(numbers[name])
        results[name] = {
            "microseconds_a_step": microseconds, "spread": [min(numbers[name]), max(numbers[name])],
            "images_per_second": 1e6 * batch_size / microseconds, "kernels_a_step": candidate.kernels(),
        }  # fmt: skip
        if isinstance(candidate, Ours):
            epochs = [candidate.epoch_milliseconds() for _ in range(rounds)]
            results[name].update(epoch_milliseconds=statistics.median(epochs), epoch_images=len(dataset))
            candidate.close()
    return results


def evaluation(backend, test, rounds):
    """Milliseconds that these images take, the host's clock: by ``evaluate``, which copies them to the device, and by
    an ``Evaluator`` as ``fit`` has one, from its second call on."""
    net, loss = mc.models.lenet5(rng=0, backend=backend), mc.losses.MAPLoss(10)
    evaluator, found = mc.training.Evaluator(test, loss), {"images": len(test)}
    for name, once in (
        ("milliseconds", lambda: mc.training.evaluate(net, test, loss)), ("again_milliseconds", lambda: evaluator(net)),
    ):  # fmt: skip
        numbers = []
        for _ in range(1 + rounds):
            start = time.perf_counter()
            once()
            numbers.append(1000 * (time.perf_counter() - start))
        found[name] = statistics.median(numbers[1:])  # the first one compiles, or copies
    return found


def time_to_99(backend, train, test, passes, seed):
    """Seconds of training until 99.0 % of the test digits are right (None: never), and the share at the end."""
    recipe = replace(RECIPES["default"], epochs=passes)
    net = mc.models.lenet5(rng=seed, **recipe.network(), backend=backend)
    optimizer, schedule = recipe.make_optimizer(net.parameters()), recipe.make_schedule()
    rng, seconds, reached, evaluator = np.random.default_rng(seed), 0.0, None, mc.training.Evaluator(test)
    with GraphSteps(net, recipe.make_loss(), optimizer, train, recipe.batch_size) as steps:
        for epoch in range(passes):
            batches = list(mc.data.batch_indices(len(train), recipe.batch_size, rng))
            start = time.perf_counter()
            list(steps.epoch(batches, [schedule(epoch + i / len(batches)) for i in range(len(batches))]))
            seconds += time.perf_counter() - start
            accuracy = 1 - evaluator(net).error_rate
            if reached is None and accuracy >= 0.99:
                reached = seconds
    words = "not reached" if reached is None else f"after {reached:.2f} s"
    print(f"99.0 %, {passes} passes, seed {seed}: {words}; {seconds:.2f} s of training, {accuracy:.2%} at the end",
          flush=True)  # fmt: skip
    return {"recipe": recipe.settings(), "seed": seed, "seconds_to_99": reached, "seconds": seconds,
            "accuracy": accuracy}  # fmt: skip


# -------------------------------------------------------------------------------------------------- the rest


def table(results):
    """The numbers as a Markdown table for docs/gpu.md."""
    lines = [f"{results['about']['device']}, LeNet-5 in float32:", "",
             "| batch | | images/s | us a step | kernels a step | epoch |", "|---|---|---|---|---|---|"]  # fmt: skip
    for batch_size, candidates in results["speed"].items():
        for name, n in candidates.items():
            epoch = f"{n['epoch_milliseconds']:.0f} ms" if "epoch_milliseconds" in n else ""
            lines.append(f"| {batch_size} | {name} | {n['images_per_second']:,.0f} | {n['microseconds_a_step']:.1f} "
                         f"| {n['kernels_a_step']} | {epoch} |")  # fmt: skip
    about, found = results["about"], results["correctness"]
    lines += ["", f"CuPy {about['cupy']}, CUDA {about['cuda']}, PyTorch {about['torch']}, {about['date']}. After "
              f"{found['steps']} steps the weights are {found['float32']['error']:.1e} from NumPy's in float32, "
              f"{found['float64']['error']:.1e} in float64, and the same bits in every run."]  # fmt: skip
    if "evaluation" in results:
        lines[-1] += (f" Evaluating {results['evaluation']['images']:,} digits takes "
                      f"{results['evaluation']['milliseconds']:.1f} ms")  # fmt: skip
        again = results["evaluation"].get("again_milliseconds")
        lines[-1] += "." if again is None else f", and {again:.1f} ms where they lie on the GPU already."
    if runs := results["to_99_percent"]:
        reached = [run["seconds_to_99"] for run in runs if run["seconds_to_99"] is not None]
        when = f", after {statistics.median(reached):.2f} s in the median" if reached else ""
        passes, share = " or ".join(map(str, PASSES)), f"{len(reached)} of {len(runs)}"
        lines[-1] += f" 99.0 % of the test digits are read by {share} trainings of {passes} passes{when}."
    return "\n".join(lines)


def about(backend, torch):
    cupy = backend.xp
    device = cupy.cuda.Device().id
    return {
        "device": cupy.cuda.runtime.getDeviceProperties(device)["name"].decode(),
        "driver": cupy.cuda.runtime.driverGetVersion(), "cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__, "numpy": np.__version__, "torch": torch and torch.__version__,
        "python": sys.version.split()[0], "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def torch_or_none():
    """(torch, TorchStep), or two Nones and a line that says why."""
    try:
        import torch
    except ImportError as error:
        print(f"PyTorch is left out: {error}")
        return None, None
    if not torch.cuda.is_available():
        print("PyTorch is left out: it sees no GPU")
        return None, None
    from gpu_torch import TorchStep

    return torch, TorchStep


def digits(directory):
    """(60,000 training digits, test digits or None): MNIST's, or the bundled sample's over and over."""
    if directory is not None:
        return mc.data.load_mnist(directory, progress=False)
    train, _ = mc.data.load_sample()
    print("no --data: speed is measured on copies of the bundled sample, and the way to 99.0 % is left out")
    return train.subset(np.arange(60_000) % len(train)), None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="DIR", help="MNIST's four files, raw or .gz")
    add("--output", metavar="FILE", help="write the numbers there as JSON")
    add("--batch-sizes", type=int, nargs="+", default=[64, 256, 1024], metavar="N", help="default: %(default)s")
    add("--steps", type=int, default=500, help="steps a round (default: %(default)s)")
    add("--rounds", type=int, default=7, help="rounds, of which the median counts (default: %(default)s)")
    add("--check-steps", type=int, default=100, help="steps of the comparison with NumPy (default: %(default)s)")
    add("--seeds", type=int, default=3, help="runs to 99.0 %% for each number of passes (default: %(default)s)")
    args = parser.parse_args(arguments)
    started = time.perf_counter()
    torch, torch_step = torch_or_none()  # before CuPy, so that each finds the CUDA libraries it was built for
    try:
        backend = mc.backend.get("cupy")
    except mc.errors.BackendNotAvailableError as error:
        raise SystemExit(f"no GPU to measure on: {error}") from None
    train, test = digits(args.data)
    results = {"about": about(backend, torch)}
    print(", ".join(f"{key} {value}" for key, value in results["about"].items()), flush=True)

    def keep():
        if args.output:
            with atomic_write(args.output, "w") as file:
                json.dump(results, file, indent=1)

    results["correctness"] = correctness(backend, train, args.batch_sizes[0], args.check_steps)
    results["speed"], results["to_99_percent"] = {}, []
    for batch_size in args.batch_sizes:
        results["speed"][str(batch_size)] = measure(backend, train, batch_size, torch_step, args.steps, args.rounds)
        keep()
    if test is not None:
        results["evaluation"] = evaluation(backend, test, args.rounds)
    for passes in PASSES if test is not None and not test.is_sample else ():
        for seed in range(args.seeds):
            results["to_99_percent"].append(time_to_99(backend, train, test, passes, seed))
        keep()
    results["minutes"] = round((time.perf_counter() - started) / 60, 2)
    keep()
    print(f"\n{table(results)}\n\n{results['minutes']} minutes in all")


if __name__ == "__main__":
    main()
