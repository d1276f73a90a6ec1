"""The primitives in plain arrays, as a form of a program."""

from functools import partial

from minicnn.compiled import primitives


class PlainForm:
    """Every primitive by its meaning, on NumPy or CuPy."""

    def __init__(self, backend, dtype):
        self.backend, self.dtype = backend, dtype

    def array(self, shape, dtype):
        """A new array of zeros."""
        return self.backend.xp.zeros(shape, dtype)

    def asarray(self, a):
        return self.backend.asarray(a)

    def prepare(self, primitive, *arguments):
        """A function of no arguments that computes a primitive of these arrays."""
        return partial(getattr(primitives, primitive), self.backend, *arguments)
