"""Exercise 18: from a loop nest to a kernel, as a GPU runs it.

`loop_nest` is a convolution (kernel not flipped), one output after the other. On a GPU there is a thread for every
output, and all of them run the same function, the kernel, which first works out *which* output is its own. Write

    thread(t, x, k, y)        what thread number t does: one element of y, nothing else

x (C, H, W, N), k (O, C, K, K), y (O, H_out, W_out, N). Threads are numbered as the elements of y lie in memory: n runs
fastest, then w, then h, then o. GPUs start threads in blocks, so there may be more of them than outputs, and in any
order: `launch` plays the GPU. A thread may loop over c, i and j, but must not look at more than its own window.

Stuck? minicnn exercises --only 18 --hint 1     (then 2, then 3: the kernel)
"""

import numpy as np


def loop_nest(x, k):
    channels, height, width, samples = x.shape
    maps, _, size, _ = k.shape
    y = np.zeros((maps, height - size + 1, width - size + 1, samples))
    for o in range(maps):
        for h in range(height - size + 1):
            for w in range(width - size + 1):
                for n in range(samples):
                    for c in range(channels):
                        for i in range(size):
                            for j in range(size):
                                y[o, h, w, n] += k[o, c, i, j] * x[c, h + i, w + j, n]
    return y


def thread(t, x, k, y):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("thread")


def launch(x, k, order):
    """Run the threads of ``order``, each once."""
    size = k.shape[2]
    y = np.full((len(k), x.shape[1] - size + 1, x.shape[2] - size + 1, x.shape[3]), np.nan)
    for t in order:
        thread(int(t), x, k, y)
    return y
