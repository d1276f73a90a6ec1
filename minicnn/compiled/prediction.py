"""What a network says of many images, by compiled loops in threads or by the GPU's kernels."""

import numpy as np

from minicnn.compiled.epoch import Prediction
from minicnn.compiled.forms import PART, compiles_loops
from minicnn.compiled.program import Program, needs_whole_batch
from minicnn.compiled.threads import Team, thread_count

WORTH = 256
"""So many images are worth compiling for."""

GPU_PART = 2500
"""Images that go through a GPU's kernels at once: many times what it computes side by side, and so few that all maps of
LeNet-5 take 90 MB."""


def outputs(network, images, threads=None):
    """An array ``(outputs, N)`` for uint8 images (N, H, W); None where layer by layer is as good, or all there is.

    That is for few images, without Numba, and for layers or a preprocessing that are not the compiler's. threads: how
    many share the images on the CPU, by default all cores.
    """
    if by_kernels(network, images):
        return DevicePrediction(network, images).run()
    if len(images) < WORTH or not compiles_loops(network) or needs_whole_batch(network, None, images):
        return None
    with Team() as team:
        return Prediction(network, images, PART, team, thread_count(threads)).run()


def by_kernels(network, images):
    """Whether ``DevicePrediction`` is for this network, in evaluation mode, and these images."""
    on_gpu = network.backend.name == "cupy"
    return on_gpu and len(images) >= WORTH and not needs_whole_batch(network, None, images)


class DevicePrediction:
    """``run()`` -> what the network says of all images, uint8 (N, H, W), as an array ``(outputs, N)`` on its GPU.

    Images (no second copy of those that lie on the device), program and kernels stay as long as this does. Weights are
    read where they lie, in ``vector``: after a step of training ``run()`` says something else. It waits for nothing.
    """

    def __init__(self, network, images):
        from minicnn.compiled.cuda_towers import TowerForm

        self.backend, self.dtype, self.vector = network.backend, network.dtype, network.vector
        self.count, part = len(images), min(GPU_PART, len(images))
        starts = np.arange(0, self.count, part)
        self.ends = np.minimum(starts + part, self.count)
        with self.backend.memory_errors():
            asarray, zeros = self.backend.asarray, self.backend.xp.zeros
            self.images, labels, order = asarray(images), zeros(self.count, np.uint8), asarray(np.arange(self.count))
            self.positions = asarray(np.stack([starts, self.ends - starts], axis=1))
            self.position = zeros(2, np.int64)
            data = self.images, labels, order, self.position
            self.program = Program(network, TowerForm(self.backend, self.dtype), part, *data)

    def run(self):
        output, (through_the_network,) = self.program.output, self.program.sections
        with self.backend.memory_errors():
            said = self.backend.xp.empty((*output.shape[:-1], self.count), self.dtype)
        for number, end in enumerate(self.ends.tolist()):
            start = number * output.shape[-1]
            self.position[...] = self.positions[number]
            through_the_network()
            said[..., start:end] = output[..., : end - start]
        return said
