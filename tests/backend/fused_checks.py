"""Every primitive of a fused training step against its reference in plain NumPy, over random sizes."""

import numpy as np
from hypothesis import strategies as st
from primitive_checks import geometries, seeds

from minicnn.backend import Backend, output_size
from minicnn.backend.fused import SAMPLES

REFERENCE = Backend(np)

TOLERANCE = {"float32": 2e-5, "float64": 1e-13}
"""Of the largest element. Sums are added in another order than the reference's, which works in float64."""

SQUASH = (1.7159, 2 / 3)

batches = st.sampled_from((1, 2, 3, 33, 65))


class Case:
    """One call of a primitive: its arguments, some of them arrays that it writes to."""

    def __init__(self, name, arguments, written):
        self.name, self.arguments, self.written = name, arguments, written

    def run(self, backend, dtype):
        """What it wrote, as NumPy arrays; AssertionError if it wrote to anything else."""
        given = [_cast(a, dtype) for a in self.arguments]
        device = [backend.asarray(a.copy()) if isinstance(a, np.ndarray) else a for a in given]
        getattr(backend, self.name)(*device)
        results = []
        for i, (before, a) in enumerate(zip(given, device)):
            if i in self.written:
                results.append(backend.to_numpy(a))
            elif isinstance(before, np.ndarray):
                np.testing.assert_array_equal(backend.to_numpy(a), before, err_msg=f"{self.name} wrote to argument {i}")
        return results

    def check(self, backend, dtype):
        """Compare with the reference; returns what ``backend`` computed."""
        results = self.run(backend, dtype)
        expected = self.rounded(dtype).run(ReferenceBackend(np), "float64")
        for got, want in zip(results, expected):
            if want.dtype.kind == "f":
                size = np.abs(np.nan_to_num(want)).max(initial=1)
                np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[dtype] * size, err_msg=self.name)
            else:
                np.testing.assert_array_equal(got, want, err_msg=self.name)
        return results

    def rounded(self, dtype):
        """The same case with its numbers rounded to ``dtype``, so that the reference gets what the kernel got."""
        return Case(self.name, [_cast(_cast(a, dtype), "float64") for a in self.arguments], self.written)


class ReferenceBackend(Backend):
    def to_numpy(self, a):
        return a


class Double(np.ndarray):
    """An array that is float64 whatever the dtype of the case."""


def _cast(a, dtype):
    if isinstance(a, Double):
        return a.view(np.ndarray)
    return a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def blank(*shape):
    """For results: NaN, so that an element that is never written shows."""
    return np.full(shape, np.nan)


# ------------------------------------------------------------------------------------------------- the cases


@st.composite
def convolutions(draw):
    """(x_shape, maps, geometry, places, squash, seed) of a convolution, its places random or None."""
    (channels, height, width, batch), kernel, stride, padding = draw(geometries(padded=True))
    maps, squash = draw(st.integers(1, 18)), draw(st.sampled_from((None, SQUASH)))
    return (channels, height, width, batch), maps, (kernel, stride, padding), draw(st.booleans()), squash, draw(seeds)


def convolution_cases(backend, x_shape, maps, geometry, table, squash, seed):
    """A case for each of the three kernels of a convolution."""
    rng = np.random.default_rng(seed)
    h_out, w_out = (output_size(x_shape[1 + i], *(numbers[i] for numbers in geometry)) for i in (0, 1))
    depth, y_shape = geometry[0][0] * x_shape[0] * geometry[0][1], (maps, h_out, w_out, x_shape[3])
    weights, places = rng.standard_normal(maps * depth), None
    if table:
        connected = rng.random((maps, depth)) < 0.6
        places = np.where(connected, np.cumsum(connected).reshape(connected.shape) - 1, -1).astype(np.int32)
        weights = rng.standard_normal(max(1, int(connected.sum())))
    x, d = np.tanh(rng.standard_normal(x_shape)), rng.standard_normal(y_shape)
    bias = rng.standard_normal(maps) if rng.random() < 0.7 else None
    parts = backend.weight_gradient_parts(maps, depth, d.size // maps)
    yield Case("convolution", [x, weights, places, bias, geometry, squash, blank(*y_shape)], {6})
    yield Case(
        "convolution_input_gradient", [d, weights, places, x, geometry, squash, blank(*x_shape)], {6}
    )
    yield Case("weight_gradient", [d, x, geometry, blank(parts, maps, depth + 1)], {3})


@st.composite
def dense_layers(draw):
    """(K, M, N, squash, seed) of a fully connected layer; K beyond what lies in shared memory at a time."""
    size = st.one_of(st.integers(1, 40), st.sampled_from((120, 400)))
    return draw(size), draw(size), draw(batches), draw(st.sampled_from((None, SQUASH))), draw(seeds)


def dense_cases(backend, inputs, outputs, batch, squash, seed):
    rng = np.random.default_rng(seed)
    x, d = np.tanh(rng.standard_normal((inputs, batch))), rng.standard_normal((outputs, batch))
    weights, bias = rng.standard_normal(outputs * inputs), rng.standard_normal(outputs) if seed % 4 else None
    yield Case("dense", [x, weights, bias, squash, blank(outputs, batch)], {4})
    yield Case("dense_input_gradient", [d, weights, x, squash, blank(inputs, batch)], {4})


@st.composite
def subsamplings(draw):
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 6), st.integers(1, 6)))
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return shape, size, draw(batches), draw(st.sampled_from((None, SQUASH))), draw(seeds)


def subsampling_cases(backend, shape, size, batch, squash, seed):
    rng = np.random.default_rng(seed)
    maps, h_out, w_out = shape
    x_shape = (maps, h_out * size[0], w_out * size[1], batch)
    x, d = np.tanh(rng.standard_normal(x_shape)), rng.standard_normal((*shape, batch))
    coefficient, bias = rng.standard_normal((2, maps))
    parts = backend.subsampling_parts(maps, h_out * w_out * batch)
    yield Case("subsampling", [x, coefficient, bias, size, squash, blank(*d.shape)], {5})
    places = [blank(*x_shape), blank(parts, 2, maps)]
    yield Case("subsampling_backward", [d, x, coefficient, size, squash, *places], {5, 6})


@st.composite
def criteria(draw):
    """(features, classes, N, j, seed); j None is equation 8."""
    j = draw(st.sampled_from((None, float("inf"), 2.0)))
    return draw(st.integers(1, 90)), draw(st.integers(1, 12)), draw(batches), j, draw(seeds)


def criterion_cases(backend, features, classes, batch, j, seed, factor=1.0):
    rng = np.random.default_rng(seed)
    x = factor * np.tanh(rng.standard_normal((features, batch)))
    prototypes = rng.choice((-1.0, 1.0), (classes, features))
    logits, labels = 9 * factor * rng.standard_normal((classes, batch)), rng.integers(0, classes, batch, np.int32)
    step, squash, scale = np.array([2], np.int32), SQUASH if seed % 2 else None, 1 / batch
    blocks = -(-batch // SAMPLES) + 1  # a short batch has fewer than a row of losses
    losses, errors = np.zeros((4, blocks)).view(Double), np.zeros((4, blocks), np.int32)
    places = [blank(features, batch), losses, errors]
    yield Case("rbf_criterion", [x, prototypes, labels, step, j, scale, squash, *places], {7, 8, 9})
    yield Case("cross_entropy", [logits, labels, step, scale, blank(classes, batch), losses, errors], {4, 5, 6})


@st.composite
def gathers(draw):
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    frame = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    count = draw(batches)
    return (height, width), frame, count, count + draw(st.integers(0, 3)), draw(seeds)


def gather_cases(backend, image, frame, count, batch_size, seed):
    rng = np.random.default_rng(seed)
    samples, step = 2 * batch_size + count, np.array([2], np.int32)  # the third and last batch has ``count``
    images = rng.integers(0, 256, (samples, *image), np.uint8)
    all_labels, order = rng.integers(0, 10, samples, np.uint8), rng.permutation(samples).astype(np.int32)
    rates, table, settings = rng.random(3), rng.standard_normal(256), np.array([-1.0, 0.5, 0.25])
    x, labels = blank(1, image[0] + frame[0], image[1] + frame[1], count), np.full(count, -7, np.int32)
    arguments = [images, all_labels, order, rates, step, table, batch_size, x, labels, settings]
    yield Case("gather_batch", arguments, {7, 8, 9})


def update_cases(backend, size, most, seed, nesterov):
    """gradient_sums with up to ``most`` terms a parameter, and sgd_update."""
    rng = np.random.default_rng(seed)
    count = rng.integers(0, most + 1, size, np.int32)
    step, first = np.full(size, size, np.int32), rng.permutation(size).astype(np.int32)
    partial, gradient = rng.standard_normal(size * (most + 1)), rng.standard_normal(size)
    yield Case("gradient_sums", [partial, first, step, count, gradient], {4})
    w, g, v = rng.standard_normal((3, size))
    settings = np.array([0.1, 0.9, 0.01])
    yield Case("sgd_update", [w, g, v, settings, nesterov, np.array([5], np.int32)], {0, 2, 5})


updates = st.tuples(st.integers(1, 300), st.sampled_from((1, 7, 8, 40)), seeds, st.booleans())
