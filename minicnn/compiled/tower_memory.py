"""What lies in a tower's shared memory, from which step to which, and where.

Sizes and offsets are in elements of the network's number type; ``first`` and ``last`` are numbers of steps.
"""

from minicnn.compiled.tower_steps import WIDEST


def lay_out(held):
    """Give each an offset where none that lives at the same time lies, the largest first, each as low as it can -> how
    many elements all of them take."""
    placed = []
    for buffer in sorted(held, key=lambda b: -b.size):
        meets = [b for b in placed if b.first <= buffer.last and buffer.first <= b.last]
        buffer.offset = min(
            end for end in [0, *(b.offset + b.size for b in meets)]
            if all(end + buffer.size <= b.offset or b.offset + b.size <= end for b in meets)
        )  # fmt: skip
        placed.append(buffer)
    return max((b.offset + b.size for b in placed), default=0)


def rounded(elements):
    """So many, of 4 bytes or more, and a few, so that what comes after begins at a multiple of WIDEST bytes."""
    few = WIDEST // 4
    return -(-elements // few) * few


class Scratch:
    """Shared memory without an array of the program, from step ``first`` to ``last``."""

    def __init__(self, size, first, last):
        self.size, self.first, self.last = rounded(size), first, last


class Kept:
    """So many rows of a layer's weights, sent to shared memory from the second step on for step ``reader`` and others,
    up to ``last``; for the third step from the first on, for a barrier has to come before they are waited for."""

    def __init__(self, weights, rows, reader, last):
        self.array, self.rows, self.reader = weights, rows, reader
        self.first, self.last, self.count = min(1, reader - 2), last, rows * weights.shape[1]
        self.size = rounded(self.count)


class Buffer:
    """An array in shared memory, from step ``first`` on, which makes it or during which it is fetched; early: by loads
    that begin before all else."""

    def __init__(self, a, name, step, is_batch, first, made_here, early):
        self.array, self.name, self.step, self.is_batch, self.early = a, name, step, is_batch, early
        self.first, self.last, self.made_here, self.left = first, first, made_here, False
        self.shape = shape_of(a) if is_batch else (a.size, 1, 1)
        self.frame = 0, 0, 0

    def used(self, number, frame=(0, 0, 0), as_array=None):
        """A vector for one step may be maps for another, and then is maps."""
        self.last = max(self.last, number)
        self.frame = tuple(map(max, self.frame, frame))
        if as_array is not None and as_array.ndim > self.array.ndim:
            self.array, self.shape = as_array, shape_of(as_array)

    @property
    def framed(self):
        return any(self.frame[:2])

    @property
    def pitch(self):
        """From row to row: odd, unless a row is all there is."""
        return max(self.shape[2] + 2 * self.frame[1], self.frame[2]) | (self.shape[1] > 1)

    @property
    def size(self):
        return rounded(self.shape[0] * (self.shape[1] + 2 * self.frame[0]) * self.pitch)

    @property
    def type(self):
        return f"Near<{', '.join(map(str, (*self.shape, *self.frame[:2], self.pitch)))}>"


def shape_of(a):
    """(C, H, W) of a sample; a vector is so many maps of one pixel."""
    return (*a.shape[:-1], 1, 1)[:3]
