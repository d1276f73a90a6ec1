"""Gradients of fully connected layers that are made at a step's end, against those of the parts added up."""

import numpy as np
import pytest
from primitive_cases import Draw
from quick import rest_slow

import minicnn as mc
from minicnn.compiled import loops
from minicnn.compiled.cpu import CpuForm
from minicnn.compiled.late import LateForm, LateGradients
from minicnn.compiled.plain import PlainForm

pytest.importorskip("numba")

FILLED = {"a part a lane": (1, 1, 1, 1), "one lane": (3,), "some lanes have more": (2, 2, 1), "no lanes": ()}
LAYERS = {  # [(units, features, with a bias), ...]
    "C5 and F6": [(120, 400, True), (84, 120, True)],
    "odd numbers": [(7, 13, False), (1, 5, True), (3, 1, False)],
}


def made_late(dtype, layers, samples, filled, threads, parts):
    """[dW, db or None, ...] of every layer, and which parameters of all the threads have updated."""
    backend, gap = mc.backend.get("numpy"), 5  # parameters of other layers lie between
    sizes = [size for units, features, bias in layers for size in (gap, units * features, units * bias)]
    ends = np.cumsum(sizes).reshape(-1, 3)
    gradient = np.full(ends[-1, -1] + gap, np.nan, dtype)
    late = LateGradients(gradient, max(1, len(filled)), max((1, *filled)))
    updated = np.zeros(len(gradient), int)
    for thread in range(threads):
        position, own = np.zeros(4, np.int64), np.zeros_like(gradient)
        form = LateForm(backend, dtype, late, position, own)
        for number, (units, features, bias) in enumerate(layers):
            d, x = form.array((units, samples), dtype), form.array((features, samples), dtype)
            dweights = own[ends[number, 0] : ends[number, 1]].reshape(units, features)
            keep = loops.sequence(
                form.prepare("dense_weight_gradient", d, x, dweights, own[slice(*ends[number, 1:])] if bias else None)
            )
            for lane in range(thread, len(filled), threads):
                for part in range(filled[lane]):
                    d[...], x[...] = parts[number][lane][part]
                    position[2:] = lane, part
                    keep()
    for thread in range(threads):
        calls, _, stretches = late.share(form, thread, threads)
        for call in calls:
            arguments = len(filled), np.array(filled, np.int64), *call.arrays
            loops.compiled(loops._kernel(*call.maker), arguments)(*arguments)
        for begin, end in stretches:
            updated[begin:end] += 1
    results = []
    for number, (units, features, bias) in enumerate(layers):
        weights, biases = (gradient[slice(*ends[number, i : i + 2])] for i in (0, 1))
        results += [weights.reshape(units, features), biases if bias else None]
    return results, updated


def made_in_parts(form, dtype, layers, filled, parts):
    """The same by the primitives of a form: every lane adds up its parts, then the lanes are added."""
    form, results = form(mc.backend.get("numpy"), dtype), []
    for number, (units, features, bias) in enumerate(layers):
        rows = np.zeros((max(1, len(filled)), units * features + units), dtype)
        for lane, row in enumerate(rows[: len(filled)]):
            for d, x in parts[number][lane]:
                dweights, dbias = row[: units * features].reshape(units, features), row[units * features :]
                form.sequence(form.prepare("dense_weight_gradient", d, x, dweights, dbias))()
        total = np.zeros(rows.shape[1], dtype)
        form.sequence(form.prepare("gradient_sum", rows, total))()
        results += [total[: units * features].reshape(units, features), total[units * features :] if bias else None]
    return results


@pytest.mark.parametrize("dtype", rest_slow(["float32", "float64"]))
@pytest.mark.parametrize("samples", rest_slow([16, 1, 5]))
@pytest.mark.parametrize("filled", FILLED.values(), ids=FILLED)
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_they_are_the_sums_of_the_lanes_and_have_their_bits_for_any_threads(dtype, samples, filled, layers):
    draw = Draw(0, dtype)
    parts = [
        [[(draw(units, samples), draw(features, samples)) for _ in range(count)] for count in filled]
        for units, features, _ in layers
    ]
    expected = made_in_parts(PlainForm, dtype, layers, filled, parts)
    in_parts = made_in_parts(CpuForm, dtype, layers, filled, parts)
    alone, updated = made_late(dtype, layers, samples, filled, 1, parts)
    assert np.all(updated == 1)
    for a, b, bits in zip(alone, expected, in_parts):
        assert (a is None) == (b is None)
        if a is not None:
            assert np.array_equal(a, bits)
            tolerance = 20 * np.finfo(dtype).eps * max(1, samples * sum(filled))
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
    for threads in (2, 3, 9):
        together, updated = made_late(dtype, layers, samples, filled, threads, parts)
        assert np.all(updated == 1), "every parameter belongs to one thread"
        assert all(a is b or np.array_equal(a, b) for a, b in zip(alone, together))
