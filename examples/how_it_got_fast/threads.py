"""The parts of a batch shared among threads.

x (C, H, W, N), k (O, C, K, K), b (O,) -> y (O, H_out, W_out, N). Compiled loops hold no interpreter lock, so threads
run side by side in one memory: nothing is copied to another process. Each computes whole samples, so there is nothing
to add up. (For the gradients of weights there is: the engine adds the parts' in a fixed order, and so gets the same
bits for any number of threads. In training it also hands out a whole epoch at once, where this hands out one layer.)
"""

import os
from concurrent.futures import ThreadPoolExecutor

import compiled_loops
import numpy as np
from compiled_loops import PART

SAMPLES_LAST = True
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
POOL = ThreadPoolExecutor(THREADS)


def shares(x):
    """x cut along its samples, a share for each thread, in whole parts: to hand out many costs more than it saves."""
    size = -(-x.shape[-1] // (THREADS * PART)) * PART
    return [x[..., n : n + size] for n in range(0, x.shape[-1], size)]


def convolution(x, k, b):
    return np.concatenate(list(POOL.map(lambda share: compiled_loops.convolution(share, k, b), shares(x))), axis=-1)
