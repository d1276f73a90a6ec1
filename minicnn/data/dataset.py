"""Images and their labels, as they lie on the disk: samples first, one byte a pixel."""

import numpy as np


class Dataset:
    """images ``(N, H, W)`` uint8, labels ``(N,)`` uint8, source: one line that says where they come from.

    is_sample: whether this is (part of) the small bundled sample, whose error is not comparable with MNIST's.
    Labels may be given as any integers from 0 to 255. Raises TypeError or ValueError for anything else, and
    where the two counts differ.
    """

    def __init__(self, images, labels, source="given arrays", is_sample=False):
        images, labels = np.asarray(images), np.asarray(labels)
        if images.dtype != np.uint8:
            raise TypeError(f"images must be uint8, got {element_words(images)}")
        if images.ndim != 3 or 0 in images.shape[1:]:
            raise ValueError(f"images must have shape (N, H, W), got {images.shape}")
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"labels must have shape ({len(images)},) to go with images, got {labels.shape}")
        if labels.size and not 0 <= labels.min() <= labels.max() <= 255:
            raise ValueError(f"labels must lie in 0..255, got {labels.min()}..{labels.max()}")
        self.images, self.labels = images, labels.astype(np.uint8, copy=False)
        self.source, self.is_sample = source, is_sample

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        height, width = self.images.shape[1:]
        return f"<Dataset of {len(self):,} {height}x{width} images: {self.source}>"

    def subset(self, indices):
        """The samples at ``indices`` (integers, a mask or a slice), from the same source."""
        try:
            return Dataset(self.images[indices], self.labels[indices], self.source, self.is_sample)
        except OverflowError:  # NumPy's word for an index that no array can have
            raise IndexError(f"indices must be below {len(self)}, got {indices!r}") from None


def element_words(array):
    """An array's element type, for a message that it is the wrong one; says if pixels are not even numbers."""
    count = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
    return f"{array.dtype}, {count:,} of them NaN" if count else str(array.dtype)
