"""Thirty digits as people scrawl them: lines of points on a pad of side 1, for tests and for the benchmark.

Each digit in three hands; each hand in one of six styles: large, small, tiny, narrow, slanted, in a corner.
"""

import numpy as np

HANDS = {  # each line in a grid of 0..4 across and 0..6 down; a hand's corners are rounded by ``smooth``
    0: ["2,0 0,1 0,5 2,6 4,5 4,1 2,0", "3,0 1,0 0,3 1,6 3,6 4,3 3,0 2,0", "2,0 1,1 0,3 1,5 3,6 4,4 4,2 3,1"],
    1: ["2,0 2,6", "1,1 2,0 2,6", "3,0 2,3 1,6"],
    2: ["0,1 2,0 4,1 3,3 0,6 4,6", "0,2 1,0 3,0 4,2 2,4 0,6 2,5.5 4,6", "0,1 2,0 3,1 3,2 1,5 0,6 1,6 4,6"],
    3: ["0,1 2,0 4,1 3,3 1,3 3,3 4,5 2,6 0,5", "0,0 3,0 4,1 2,3 4,4 4,5 2,6 0,6", "1,0 3,0 4,2 2,3 3,3 4,5 3,6 0,6"],
    4: ["0,0 0,3 4,3|3,0 3,6", "2,0 0,4 4,4|3,2 3,6", "1,0 0,3 3,3|4,0 3,3 2,6"],
    5: ["4,0 0,0 0,2 3,2 4,4 3,6 0,6", "4,0 1,0 0,3 3,3 4,5 2,6 0,5", "0,0 0,3 2,2 4,4 3,6 0,6|0,0 4,0"],
    6: ["3,0 1,2 0,4 1,6 3,6 4,4 2,3 0,5", "2,0 0,3 0,5 2,6 4,5 3,3 1,3 0,4", "4,0 1,1 0,3 0,5 2,6 4,5 4,4 2,3 0,4"],
    7: ["0,0 4,0 2,3 1,6", "0,1 0,0 4,0 2,6", "0,0 4,0 3,2 2,6|1,3 3.5,3"],
    8: ["3,0.5 1,0 0,1.5 2,3 4,4.5 2,6 0,4.5 2,3 4,1.5 3,0.5", "2,3 0,2 1,0 3,0 4,2 2,3 0,4 1,6 3,6 4,4 2,3",
        "4,1 2,0 0,1 2,3 4,5 2,6 0,5 4,1"],
    9: ["4,1 2,0 0,1 1,3 3,3 4,1 4,3 3,6", "3,1 1,0 0,2 2,3 4,1 3,3 3,6", "4,2 2,3 0,2 1,0 3,0 4,2 3,4 2,6"],
}  # fmt: skip

STYLES = {  # height and width on the pad, slant, where the middle lies
    "large": (0.85, 0.55, 0, (0.5, 0.5)), "small": (0.25, 0.17, 0, (0.45, 0.55)), "tiny": (0.12, 0.08, 0, (0.6, 0.4)),
    "narrow": (0.7, 0.25, 0, (0.5, 0.5)), "slanted": (0.6, 0.4, 0.25, (0.5, 0.5)),
    "corner": (0.35, 0.25, 0, (0.78, 0.78)),
}  # fmt: skip


def smooth(points, times=3):
    """Corners cut, as a hand does: each piece by its points at a quarter and three quarters (Chaikin)."""
    for _ in range(times):
        before, after = points[:-1], points[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def thirty():
    """-> [(digit, style, lines)], every digit three times, every style five times; a seeded tremor in all."""
    rng, drawings = np.random.default_rng(17), []
    for digit, hands in HANDS.items():
        for hand, text in enumerate(hands):
            style = list(STYLES)[(3 * digit + hand) % len(STYLES)]
            height, width, slant, (x, y) = STYLES[style]
            lines = []
            for line in text.split("|"):
                points = smooth(np.array([[float(v) for v in point.split(",")] for point in line.split()]))
                points = points / [4, 6] - 0.5 + rng.normal(0, 0.006, points.shape)
                points[:, 0] -= slant * points[:, 1]
                lines.append((points * [width, height] + [x, y]).clip(0.02, 0.98).tolist())
            drawings.append((digit, style, lines))
    return drawings
