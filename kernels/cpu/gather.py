"""A part of a batch: its pixels from bytes, centred and normalised, and its labels.

    index = order[start + n] for n < count, (start, count) = position
    x[0, top + i, left + j, n] = table[images[index, i, j]],   labels[n] = all_labels[index]

The frame around the image holds the background already. Samples beyond ``count`` get the label NOBODY, and their
pixels stay what they were. Rows are taken one after the other, for all samples: a row of x stays in the first cache.
"""

import functools

from minicnn.kernels.cpu.jit import compiled

NOBODY = -1


@functools.cache
def gather(real, image_shape, x_shape):
    """kernel(images, all_labels, order, position, table, x, labels): images (M, h, w) uint8, x (1, H·W·N)."""
    (height, width), (_, high, wide, samples) = image_shape, x_shape
    top, left = (high - height) // 2, (wide - width) // 2

    @compiled
    def kernel(images, all_labels, order, position, table, x, labels):
        start, count = position[0], position[1]
        for n in range(samples):
            labels[n] = all_labels[order[start + n]] if n < count else NOBODY
        for i in range(height):
            row = x[0, ((top + i) * wide + left) * samples :]
            for n in range(count):
                line = images[order[start + n], i]
                for j in range(width):
                    row[j * samples + n] = table[line[j]]

    return kernel
