"""Which mistake does a wrong result look like? Only a pattern that fits every case and element is named."""

import numpy as np

ROUNDING = 1e-6
"""Two results are the same if they differ by no more than this fraction of the largest element."""


def likely_mistake(exercise, name, cases):
    """The text of the mistake that explains array ``name``, or "".

    cases: (inputs, expected, got) of every finished case, expected and got by array name. A mistake is named if it
    predicts ``got[name]`` in every case in which that is wrong, and there is one.
    """
    wrong = [(inputs, right, got) for inputs, right, got in cases if name in got and not same(got[name], right[name])]
    known = [(mistake.text, mistake.predict) for mistake in exercise.mistakes]
    for text, predict in [*known, *common(exercise, name)]:
        if wrong and all(fits(predict(inputs, right), name, got) for inputs, right, got in wrong):
            return text
    return factor(name, wrong)


def same(a, b, tolerance=ROUNDING):
    """Same shape, and the same numbers but for rounding; NaN equals NaN."""
    if np.shape(a) != np.shape(b):
        return False
    finite = np.abs(b)[np.isfinite(b)]
    return np.allclose(a, b, rtol=0, atol=tolerance * finite.max(initial=0.0), equal_nan=True)


def fits(predicted, name, got):
    return name in predicted and same(got[name], predicted[name])


def common(exercise, name):
    """(text, predict) of mistakes that can happen to any array called ``name``."""

    def mistake(change):
        return lambda inputs, right: {name: change(right[name], samples(exercise, inputs))}

    first = name.removesuffix(" again")
    yield "the sign is wrong", mistake(lambda e, n: -e)
    if name != first:
        yield ("the second call's gradient contains the first one's: backward must overwrite it (=), not add to it "
               "(+=)", lambda inputs, right: {name: right[first] + right[name]})  # fmt: skip
        yield "the second call returns what the first one did", lambda inputs, right: {name: right[first]}
    yield "it is transposed", mistake(lambda e, n: e.T)
    yield "the sum over the samples is divided by their number", mistake(lambda e, n: e / n)
    for which, part in (("first", slice(1)), ("last", slice(-1, None))):
        yield f"only the {which} sample counts: the sum over the samples is missing", of_samples(exercise, name, part)
    yield "nothing has been written to it: it is all zeros", mistake(lambda e, n: 0 * e)


def samples(exercise, inputs):
    return inputs[exercise.batched[0]].shape[-1] if exercise.batched else 1


def of_samples(exercise, name, part):
    """What comes out if only those samples are there; nothing to say about an array with a column for each."""

    def predict(inputs, right):
        if not exercise.batched:
            return {}
        fewer = {key: value[..., part] if key in exercise.batched else value for key, value in inputs.items()}
        return exercise.expected(fewer)

    return predict


def factor(name, wrong):
    """A constant factor: the same in every element of every case."""
    ratios = []
    for _, right, got in wrong:
        if np.shape(got[name]) != right[name].shape or not np.isfinite(got[name]).all():
            return ""
        ratios.append(np.vdot(right[name], got[name]) / np.vdot(right[name], right[name]))
        if not same(got[name], ratios[-1] * right[name]):
            return ""
    if len(wrong) < 2 or np.ptp(ratios) > ROUNDING * abs(ratios[0]) or abs(ratios[0]) < ROUNDING:
        return ""
    return f"every element is {ratios[0]:.6g} times what it should be: is a factor missing, or one too many?"


def wrong_shape(exercise, name, inputs, right, got):
    """What a wrong shape may come from, or "": right numbers in another shape, or a sum not taken."""
    expected, array = right[name], got[name]
    if array.size == expected.size and same(array.reshape(expected.shape), expected):
        return "the numbers are right, only the shape is not: reshape, or sum without keepdims"
    if array.ndim == expected.ndim + 1 and same(array.sum(axis=-1), expected):
        return "the sum over the samples is missing: every sample still has its own gradient"
    if array.shape == expected.shape[::-1] and same(array.T, expected):
        return "it is transposed"
    for mistake in exercise.mistakes:
        if fits(mistake.predict(inputs, right), name, got):
            return mistake.text
    return ""
