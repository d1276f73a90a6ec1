"""Find the bug: every layer of exercise 19 has the mistake that the checker expects, and no other."""

import re

import numpy as np
import pytest
from solutions import FOLDER

from minicnn.exercises.catalogue.bugs import ANSWERS

FILE = FOLDER / "ex19_find_the_bug.py"
TEXT = FILE.read_text(encoding="utf-8")
MENDED = (
    "db = dy.sum(axis=1)", "dx = W.T @ dy", "slope = 1 - y**2", "dx = A * S * (1 - (y / A) ** 2) * dy",
    "passes = x > 0",
    "dx[::2] = dx[1::2] = c * dy", "dx[1:] += dy[1]", "dz = (p - right) * dy / len(labels)", "dx = W.T @ da + dy",
    "dx = dy - dy.mean(axis=1, keepdims=True)", "dx = -2 * (dy[:, None] * apart).sum(axis=0)", "db = dy.sum(axis=1)",
)  # fmt: skip
"""The lines as they should be."""


def layers(text):
    scope = {}
    exec(compile(text, FILE.name, "exec"), scope)
    return [scope[f"layer_{number}"] for number in range(1, len(ANSWERS) + 1)]


def inputs(number):
    """What a layer takes before dy, and the shape of its y."""
    rng = np.random.default_rng(number)

    def draw(*shape):
        return rng.standard_normal(shape)

    return {
        1: ((draw(3, 4), draw(2, 3), draw(2)), (2, 4)), 2: ((draw(3, 4), draw(3, 3)), (3, 4)),
        3: ((draw(3, 4),), (3, 4)), 4: ((draw(3, 4),), (3, 4)), 5: ((draw(3, 4),), (3, 4)),
        6: ((draw(4, 3), np.array(1.7)), (2, 3)), 7: ((draw(5, 2),), (2, 4, 2)),
        8: ((draw(3, 4), np.array([0, 2, 1, 1])), ()), 9: ((draw(3, 4), draw(3, 3)), (3, 4)),
        10: ((draw(3, 4),), (3, 4)), 11: ((draw(3, 4), draw(2, 3)), (2, 4)), 12: ((draw(3, 3), draw(3)), (3, 3)),
    }[number]  # fmt: skip


def wrong_gradients(layer, number):
    """The places, among what the layer takes, of those whose gradient is not that of the differences."""
    arrays, y_shape = inputs(number)
    dy, wrong = np.random.default_rng(0).standard_normal(y_shape), []
    gradients = layer(*arrays, dy)[1:]
    for place, gradient in zip((p for p, a in enumerate(arrays) if a.dtype.kind == "f"), gradients):
        numeric = np.zeros(arrays[place].shape)
        for i in np.ndindex(numeric.shape):
            values = []
            for h in (1e-6, -1e-6):
                moved = [a.copy() for a in arrays]
                moved[place][i] += h
                values.append(np.sum(layer(*moved, dy)[0] * dy))
            numeric[i] = (values[0] - values[1]) / 2e-6
        if np.shape(gradient) != numeric.shape or not np.allclose(gradient, numeric, atol=1e-6):
            wrong.append(place)
    return wrong


def numbered(number):
    """{line's number: its code} of a layer."""
    body = TEXT.split(f"def layer_{number}(")[1].split("\ndef ")[0]
    return {int(n): code.strip() for code, n in re.findall(r"^    (.*)  # (\d+)$", body, re.MULTILINE)}


@pytest.mark.parametrize("number", range(1, len(ANSWERS) + 1))
def test_exactly_one_gradient_is_wrong_and_the_named_line_mends_it(number):
    line = numbered(number)[ANSWERS[number - 1][0]]
    assert len(wrong_gradients(layers(TEXT)[number - 1], number)) == 1
    head, body = TEXT.split(f"def layer_{number}(")
    mended = f"{head}def layer_{number}({body.replace(line, MENDED[number - 1], 1)}"
    assert wrong_gradients(layers(mended)[number - 1], number) == []


def test_every_reason_is_in_the_list_and_used():
    listed = {int(n) for n in re.findall(r"(?:^|  )(\d)  [a-z=]", TEXT.split('"""')[1], re.MULTILINE)}
    assert {reason for _, reason in ANSWERS} == listed
