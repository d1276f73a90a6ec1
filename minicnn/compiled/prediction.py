"""What a network says of many images, by compiled loops in threads."""

import numpy as np

from minicnn.compiled.epoch import Prediction
from minicnn.compiled.forms import PART, compiles_loops, new_form
from minicnn.compiled.lanes import Lanes
from minicnn.compiled.program import needs_whole_batch
from minicnn.compiled.threads import Team, thread_count

WORTH = 256
"""So many images are worth compiling for."""


GPU_PART = 500
"""Images that keep a GPU busy."""


def outputs(network, images):
    """An array ``(outputs, N)`` for uint8 images (N, H, W); None where layer by layer is as good, or all there is.

    That is for few images, without Numba, and for layers or a preprocessing that are not the compiler's.
    """
    on_gpu = network.backend.name == "cupy"
    if len(images) < WORTH or not (on_gpu or compiles_loops(network)) or needs_whole_batch(network, None, images):
        return None
    with Team() as team:
        if not on_gpu:
            return Prediction(network, images, PART, team, thread_count()).run()
        count, labels = len(images), np.zeros(len(images), np.uint8)
        lanes = Lanes(network, lambda: new_form(network), images, labels, GPU_PART, count, team, 1)
        said = network.backend.xp.empty((*lanes.output_shape(), count), network.dtype)
        lanes.run(np.arange(count), said)
        return said
