"""A network's answers to pictures."""

from dataclasses import dataclass

import numpy as np

import minicnn as mc
from minicnn.data.classes import DIGITS
from minicnn.data.pictures import drawn, on_black, read_grey, ready

DOUBT = 0.6
"""Where the nearest prototype is farther than this share of the next one's distance, the answer is in doubt; the page
(page/static/view/model.js) has the same."""


@dataclass(frozen=True)
class Answer:
    """distances: of each class, by its name, the nearest first."""

    distances: dict

    @property
    def nearest(self):
        """(name, distance) of the answer and of the class that comes next."""
        return list(self.distances.items())[:2]

    @property
    def doubt(self):
        (_, first), (_, second) = self.nearest
        return first > DOUBT * second


class Reader:
    """LeNet-5 with the weights of a file, or with those of the package.

    Raises CheckpointError for a file that holds no LeNet-5, or one that has gone astray.
    """

    def __init__(self, network=None):
        if network is None:
            self.net = mc.models.lenet5(pretrained=True)
        else:
            self.net = mc.models.lenet5(mc.models.classes_of(network) or DIGITS).load(network)
        if not np.isfinite(self.net.vector.values).all():
            raise mc.errors.CheckpointError(f"{network} holds weights that are not finite: its training went astray")

    def read(self, picture):
        """A picture's path, or the picture as an open file -> Answer; DataFileError for what is none."""
        grey = read_grey(picture)
        image = on_black(grey) if ready(grey) else drawn(grey, getattr(picture, "name", picture))
        distances = self.net.backend.to_numpy(self.net.outputs(image[None], batch_size=1))[:, 0]
        nearest = distances.argsort(kind="stable")
        return Answer({self.net.classes[each]: float(distances[each]) for each in nearest})
