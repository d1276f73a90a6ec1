"""What comes before an epoch."""

import time

from minicnn.data import Distortion
from minicnn.training.curvature import curvature


class Preparation:
    """Draws the images of an epoch anew (augment) and estimates the curvature that the optimizer may need.

    Where several ranks train together, each distorts its own share of the images, which then go to all; of what the
    user's own ``augment`` does, each does all. The curvature is rank 0's.

    Raises ValueError if the optimizer wants more samples than ``train`` has.
    """

    def __init__(self, network, loss, optimizer, train, augment, threads, communicator):
        self.network, self.loss, self.optimizer, self.train, self.augment = network, loss, optimizer, train, augment
        self.threads, self.communicator = threads, communicator
        self.samples = getattr(optimizer, "curvature_samples", 0)
        if self.samples > len(train.labels):
            raise ValueError(
                f"curvature_samples must be at most the {len(train.labels)} samples of train, got {self.samples}"
            )

    def __call__(self, steps, run):
        """-> the seconds that it took, for the epoch's record."""
        seconds, images = {}, self.train.images
        if self.augment is not None:
            started = time.perf_counter()
            with self.communicator.together():
                images = self._distorted(images, run.rng)
            if type(self.augment) is Distortion:
                self.communicator.sum(images)
            with self.communicator.together():
                steps.use_images(images)
            seconds["augment_seconds"] = round(time.perf_counter() - started, 3)
        if self.samples:
            indices = run.rng.choice(len(self.train.labels), self.samples, replace=False)
            if run.batch == 0:  # else the checkpoint has brought it
                started = time.perf_counter()
                with self.communicator.together():
                    h = curvature(self.network, self.loss, images[indices], self.train.labels[indices])
                self.communicator.broadcast(h)
                with self.communicator.together():
                    self.optimizer.use_curvature(h)
                seconds["curvature_seconds"] = round(time.perf_counter() - started, 3)
        return seconds

    def _distorted(self, images, rng):
        if type(self.augment) is not Distortion:
            return self.augment(images, rng, self.network.backend)
        share = self.communicator.rank, self.communicator.size
        return self.augment(images, rng, share=share, threads=self.threads)
