"""One convolution, six times: each version of this folder is run, compared with the first, and timed.

    python examples/how_it_got_fast/compare.py

The layer is LeNet-5's C3 with all its maps connected: 6 maps of 14x14 to 16 of 10x10, kernels of 5x5, a batch of 256.
"""

import importlib
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

VERSIONS = ("six_loops", "im2col", "one_product", "samples_innermost", "compiled_loops", "threads")
SAMPLES, FEW = 256, 1
"""A batch; and how many samples of it six loops in Python get to do, for patience."""
PRODUCTS = 16 * 10 * 10 * 6 * 5 * 5
"""Multiply-adds an image."""


def layer(seed=0, dtype="float32"):
    """x (N, C, H, W), k (O, C, K, K), b (O,)."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((SAMPLES, 6, 14, 14)).astype(dtype), rng.standard_normal((16, 6, 5, 5)).astype(dtype),
            rng.standard_normal(16).astype(dtype))  # fmt: skip


def prepared(name, x, k, b):
    """-> (a function that computes the layer, how many samples it does), x in the layout that the version takes."""
    version = importlib.import_module(name)
    x = x[:FEW] if name == "six_loops" else x
    if getattr(version, "SAMPLES_LAST", False):
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0))
        return (lambda: version.convolution(x, k, b)), x.shape[-1]
    return (lambda: version.convolution(x, k, b)), len(x)


def samples_first(name, y):
    """A version's result as (N, O, H_out, W_out)."""
    return y.transpose(3, 0, 1, 2) if getattr(importlib.import_module(name), "SAMPLES_LAST", False) else y


def images_a_second(run, samples, seconds=0.2):
    """How many images a second, run for so long at least."""
    count, begin = 0, time.perf_counter()
    while (taken := time.perf_counter() - begin) < seconds or not count:
        run()
        count += 1
    return samples * count / (taken or time.perf_counter() - begin)


def main():
    x, k, b = layer()
    first = None
    for name in VERSIONS:
        run, samples = prepared(name, x, k, b)
        y = samples_first(name, run())  # where something is compiled, it is now
        first = y if first is None else first
        error = np.abs(y[: len(first)] - first).max() / np.abs(first).max()
        speed = images_a_second(run, samples)
        print(f"{name:17} {speed:12,.0f} images a second   differs from the first by {error:.0e}", flush=True)


if __name__ == "__main__":
    main()
