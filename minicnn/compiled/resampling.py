"""Distorted images by kernels/cpu/distortion.py: the same bits as ``resample`` of data/distortions.py."""

from functools import cache

import numpy as np

from minicnn.compiled.loops import compiled, kernels


@cache
def loop(elastic):
    """``resample(images, row_scale, column_scale, dy, dx, shear, moved)``, compiled here and now, for any threads.

    elastic: whether ``moved`` are displacements, or None. Needs Numba.
    """
    images, numbers = np.zeros((0, 1, 1), np.uint8), np.zeros(0, np.float32)
    moved = np.zeros((2, *images.shape), np.float32) if elastic else None
    kernel = compiled(kernels().distortion.resample(np.float32), (_read_only(images), *[numbers] * 5, moved, images))

    def resample(images, *maps):
        result = np.empty_like(images)
        kernel(_read_only(images), *maps, result)
        return result

    return resample


def _read_only(a):
    """A view that says the same of every data set: nobody writes to it."""
    view = np.ascontiguousarray(a).view()
    view.flags.writeable = False
    return view
