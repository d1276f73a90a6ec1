"""A guess at the mistake in a wrong gradient: made only if a pattern fits every element compared."""

import numpy as np

from minicnn.gradcheck.hints.chain import inverted_mask, last_share, one_branch, only_diagonal, skipped, some_outputs
from minicnn.gradcheck.hints.evidence import Evidence
from minicnn.gradcheck.hints.normalisation import constant_statistics, from_another_factor
from minicnn.gradcheck.hints.patterns import (
    factor,
    nothing,
    of_another_layer,
    one_sample,
    rearranged,
    same,
    without_dy,
)  # fmt: skip
from minicnn.gradcheck.hints.places import frame, one_slice, sign_somewhere

LOOKS = (
    nothing, factor, rearranged, one_sample, without_dy, skipped, one_branch, only_diagonal, inverted_mask,
    constant_statistics, from_another_factor, some_outputs, last_share, of_another_layer, sign_somewhere, frame,
    one_slice,
)  # fmt: skip
"""The patterns, those of the whole array first; of two that fit, the first one is named."""


def guess(evidence: Evidence) -> str:
    """The likely mistake in a few words, or "" if no pattern fits."""
    a, n = evidence.analytic, evidence.numeric
    if not evidence.wrong.any() or not np.isfinite(a).all() or not np.isfinite(n).all():
        return ""
    if same(a, n):  # what is wrong is too little to show a pattern
        return ""
    return next((words for look in LOOKS if (words := look(evidence))), "")
