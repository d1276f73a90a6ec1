"""The primitives in plain arrays, as a form of a program."""

from functools import partial

import numpy as np

from minicnn.compiled import primitives


class PlainForm:
    """Every primitive by its meaning, on NumPy or CuPy."""

    def __init__(self, backend, dtype):
        self.backend, self.dtype = backend, dtype
        self.made, self.handed_out = [], 0
        self.places = np.int32  # number type of a max pooling's winners

    def array(self, shape, dtype):
        """An array of zeros, or after ``again`` the one that stood in this place."""
        if self.handed_out == len(self.made):
            self.made.append(self.new_array(shape, dtype))
        self.handed_out += 1
        return self.made[self.handed_out - 1]

    def new_array(self, shape, dtype):
        return self.backend.xp.zeros(shape, dtype)

    def again(self):
        """Hand out the same arrays once more, in the same order, to a second program like the first; returns self."""
        self.handed_out = 0
        return self

    def asarray(self, a):
        return self.backend.asarray(a)

    def prepare(self, primitive, *arguments):
        """[functions of no arguments] that compute a primitive of these arrays."""
        return [partial(getattr(primitives, primitive), self.backend, *arguments)]

    def sequence(self, functions):
        """One function of no arguments that calls all of these in order."""

        def call():
            for function in functions:
                function()

        return call
