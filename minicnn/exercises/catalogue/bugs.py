"""Exercise 19: twelve layers with a mistake each. The tests put every mistake right and check the gradients."""

import numpy as np

from minicnn.exercises.exercise import Exercise, Step

ANSWERS = ((3, 2), (3, 1), (2, 4), (3, 5), (2, 9), (5, 8), (4, 3), (5, 2), (5, 8), (3, 8), (4, 6), (2, 7))
"""(line, reason) of each layer."""


def expected(inputs):
    lines, reasons = np.array(ANSWERS).T
    return {"lines": lines, "reasons": reasons}


BUGS = Exercise(
    file="ex19_find_the_bug.py", title="find the bug", steps=(Step("answers", (), returns=("lines", "reasons")),),
    draw=lambda rng: ({},), expected=expected, secret=True,
    hints=(
        "Forward is right in all twelve. First find which gradient is wrong: compare each with differences of (y ·"
        " dy).sum(), for small random arrays.",
        "Then look at the pattern of the wrong gradient. A constant factor? One that is the number of samples? "
        "Right for some elements only? Right but for what one summand would bring?",
        "The wrong gradients: 1 db, 2 dx, 3 dx, 4 dx, 5 dx, 6 dx, 7 dx, 8 dz, 9 dx, 10 dx, 11 dx, 12 db",
    ),
)  # fmt: skip
