"""The parts of a batch shared among threads.

x (C, H, W, N), k (O, C, K, K), b (O,) -> y (O, H_out, W_out, N). Compiled loops hold no interpreter lock, so threads
run side by side in one memory: nothing is copied to another process. Each computes whole samples, so there is nothing
to add up. (For the gradients of weights there is: the engine adds the parts' in a fixed order, and so gets the same
bits for any number of threads. In training it also hands out a whole epoch at once, where this hands out one layer.)
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from compiled_loops import part, parts

SAMPLES_LAST = True
POOL = ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def convolution(x, k, b):
    return np.concatenate(list(POOL.map(lambda some: part(some, k, b), parts(x))), axis=-1)
