"""What LeNet-5's F6 layer is trained to draw for each class: a character, or a code for what is none.

The paper's output layer was made for the whole printable ASCII set, drawn 7 pixels wide and 12 high (LeCun et al.
1998, section II.B and figure 3). ``characters.txt`` draws its 94 characters. The ten digits are the paper's, stray
marks above 0, 2, 4 and 5 removed; the 84 others are this project's own, in their style. Characters that look alike
have drawings that are alike, as in the paper: no two differ in fewer than 4 of the 84 pixels.
"""

from functools import lru_cache
from importlib import resources

import numpy as np

WIDTH, HEIGHT = 7, 12


def prototypes(classes):
    """The RBF centres ``(len(classes), 84)`` of classes with these names, +1 for ink and -1 for background.

    Row i draws class i, line by line, if every name is one printable ASCII character; else the rows are ``codes``.
    """
    drawn = characters()
    if all(name in drawn for name in classes):
        return np.array([drawn[name] for name in classes])
    return codes(len(classes))


def digit_prototypes():
    """Those of the ten digits, ``(10, 84)``."""
    return prototypes("0123456789")


@lru_cache
def characters():
    """{character: its drawing (84,)} of all 94 printable ASCII characters, as ``characters.txt`` shows them.

    There a line that names the characters of a row stands above their drawings, 12 lines in which '#' is ink.
    """
    lines = resources.files("minicnn.models").joinpath("characters.txt").read_text("utf-8").splitlines()
    lines = [line.split() for line in lines if line.strip()]
    drawn = {}
    for top in range(0, len(lines), 1 + HEIGHT):
        names, *rows = lines[top : top + 1 + HEIGHT]
        for name, *pixels in zip(names, *rows):
            drawn[name] = np.array([1.0 if pixel == "#" else -1.0 for pixel in "".join(pixels)])
            drawn[name].setflags(write=False)  # all callers get the same
    return drawn


PRIME = WIDTH * HEIGHT - 1
"""83, a prime that leaves 3 when divided by 4: there is a Hadamard matrix of Paley's with 84 rows."""

MOST_CODES = 2 * (PRIME + 1)


def codes(count):
    """``count`` codes of 84 signs, ``(count, 84)``, any two of which differ in 42 places or more.

    Row i < 83 is -1, then the Legendre symbols of j - i modulo 83, j = 0..82: +1 where that is a square or 0, else -1.
    Any two differ in exactly 42 places; with a row of ones they are a Hadamard matrix (R. Paley, "On orthogonal
    matrices", 1933). Then come the row of ones, and all 84 again with their signs turned, each of which differs from
    its twin in all 84 places. More than 168 codes that differ in half of their places there are not (Plotkin's bound).

    Raises ValueError for more than 168.
    """
    if not 0 < count <= MOST_CODES:
        raise ValueError(f"classes must be at most {MOST_CODES} unless all are characters, got {count}: no more codes "
                         f"of {PRIME + 1} signs differ in half of their places")  # fmt: skip
    squares = {(k * k) % PRIME for k in range(PRIME)}
    symbols = np.array([1.0 if k in squares else -1.0 for k in range(PRIME)])
    rows = np.stack([np.concatenate([[-1], np.roll(symbols, i)]) for i in range(PRIME)])
    matrix = np.concatenate([rows, np.ones((1, PRIME + 1))])
    return np.concatenate([matrix, -matrix])[:count]
