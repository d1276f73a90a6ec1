"""What a network says of many images, by compiled loops in threads."""

from minicnn.compiled.epoch import Prediction
from minicnn.compiled.forms import PART, compiles_loops
from minicnn.compiled.program import needs_whole_batch
from minicnn.compiled.threads import Team, thread_count

WORTH = 256
"""So many images are worth compiling for."""


def outputs(network, images):
    """An array ``(outputs, N)`` for uint8 images (N, H, W); None where layer by layer is as good, or all there is.

    That is for few images, without Numba, and for layers or a preprocessing that are not the compiler's.
    """
    if len(images) < WORTH or not compiles_loops(network) or needs_whole_batch(network, None, images):
        return None
    with Team() as team:
        return Prediction(network, images, PART, team, thread_count()).run()
