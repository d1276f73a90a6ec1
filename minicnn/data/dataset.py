"""Images and their labels, as they lie on the disk: samples first, one byte a pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.data.classes import class_names, unnamed
from minicnn.typing import ArrayLike


class Dataset:
    """images ``(N, H, W)`` uint8, labels ``(N,)`` uint8, and what they are.

    name: of the data set, for titles and messages; source: one line that says where it comes from; classes: what the
    labels 0, 1, 2, ... stand for, as names, a text of characters or their number; without any, the numbers themselves
    (at least the ten digits). is_sample: whether this is (part of) the small bundled sample, whose error is not
    comparable with MNIST's.

    Labels may be given as any integers from 0 to 255. Raises TypeError or ValueError for anything else, for a label
    beyond the classes, and where the two counts differ.

    >>> Dataset(np.zeros((3, 28, 28), "uint8"), [0, 1, 2], name="shapes", classes=["circle", "square", "star"])
    <Dataset of 3 28x28 images, 3 classes: shapes, given arrays>
    """

    def __init__(self, images: ArrayLike, labels: ArrayLike, source: str = "given arrays", is_sample: bool = False, *,
                 name: str | None = None, classes: int | Sequence[str] | None = None) -> None:  # fmt: skip
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
        self.classes = unnamed(self.labels) if classes is None else class_names(classes)
        if self.labels.size and self.labels.max() >= len(self.classes):
            raise ValueError(beyond(self.labels, len(self.classes), "classes"))
        self.name = "your images" if name is None else name
        self.source, self.is_sample = source, is_sample

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        height, width = self.images.shape[1:]
        what = f"{len(self):,} {height}x{width} images, {len(self.classes)} classes"
        whence = self.source if self.source.startswith(self.name) else f"{self.name}, {self.source}"
        return f"<Dataset of {what}: {whence}>"

    def subset(self, indices: Any) -> "Dataset":
        """The samples at ``indices`` (integers, a mask or a slice), from the same source."""
        try:
            images, labels = self.images[indices], self.labels[indices]
        except OverflowError:  # NumPy's word for an index that no array can have
            raise IndexError(f"indices must be below {len(self)}, got {indices!r}") from None
        return Dataset(images, labels, self.source, self.is_sample, name=self.name, classes=self.classes)


def beyond(labels, count, what):
    """The words for labels that are too high for ``count`` classes or outputs (``what``), with the likeliest remedy."""
    lowest, highest = int(labels.min()), int(labels.max())
    text = f"labels must lie in 0..{count - 1} to go with {count} {what}, got {lowest}..{highest}"
    if lowest == 1 and highest == count:
        return f"{text}: they begin at 1, give labels - 1"
    return f"{text}: give classes={highest + 1}, or as many names"


def element_words(array):
    """An array's element type, for a message that it is the wrong one; says if pixels are not even numbers."""
    count = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
    return f"{array.dtype}, {count:,} of them NaN" if count else str(array.dtype)
