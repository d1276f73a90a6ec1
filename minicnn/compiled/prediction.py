"""What a network says of many images, by compiled loops in threads or by the GPU's kernels."""

import numpy as np

from minicnn.compiled.epoch import Prediction
from minicnn.compiled.forms import PART, compiles_loops
from minicnn.compiled.program import Program, needs_whole_batch
from minicnn.compiled.threads import Team, thread_count

WORTH = 256
"""So many images are worth compiling for."""

GPU_PART = 500
"""Images that keep a GPU busy."""


def outputs(network, images, threads=None):
    """An array ``(outputs, N)`` for uint8 images (N, H, W); None where layer by layer is as good, or all there is.

    That is for few images, without Numba, and for layers or a preprocessing that are not the compiler's. threads: how
    many share the images on the CPU, by default all cores.
    """
    on_gpu = network.backend.name == "cupy"
    if len(images) < WORTH or not (on_gpu or compiles_loops(network)) or needs_whole_batch(network, None, images):
        return None
    if on_gpu:
        with network.backend.memory_errors():
            return _on_gpu(network, images)
    with Team() as team:
        return Prediction(network, images, PART, team, thread_count(threads)).run()


def _on_gpu(network, images):
    """Part after part through one program; nothing is waited for, positions and outputs stay on the device."""
    backend, count, part = network.backend, len(images), min(GPU_PART, len(images))
    starts = np.arange(0, count, part)
    ends = np.minimum(starts + part, count)
    positions, position = backend.asarray(np.stack([starts, ends - starts], axis=1)), backend.xp.zeros(2, np.int64)
    data = backend.asarray(images), backend.xp.zeros(count, np.uint8), backend.asarray(np.arange(count))
    from minicnn.compiled.cuda_towers import TowerForm

    program = Program(network, TowerForm(backend, network.dtype), part, *data, position)
    (through_the_network,) = program.sections
    said = backend.xp.empty((*program.output.shape[:-1], count), network.dtype)
    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        position[...] = positions[number]
        through_the_network()
        said[..., start:end] = program.output[..., : end - start]
    return said
