"""Mistakes in the chain rule: a branch that is not added, a Jacobian cut to its diagonal, a mask turned round."""

import numpy as np

from minicnn.gradcheck.hints.patterns import CONSTANT, same


def skipped(e):
    """n - a = dy: y = x + f(x), and the x by itself is forgotten."""
    if e.own_dy is None or not same(e.numeric - e.analytic, e.own_dy):
        return ""
    return "dy itself is missing in dx: is there a skip connection, y = x + ..., whose gradient is to be added?"


def one_branch(e):
    """a is the share of one branch, n is it and those of the others."""
    shares = list(e.branches()) if e.is_input else []
    if e.own_dy is not None:
        shares.append(("the skip connection", e.own_dy))
    for i, (path, share) in enumerate(shares):
        rest = [other for j, (_, other) in enumerate(shares) if j != i]
        if same(e.analytic, share) and any(same(e.numeric, share + other) for other in [*rest, sum(rest)]):
            return f"only the share of {path} is there: where branches meet their gradients add up (+=, not =)"
    return ""


def some_outputs(e):
    """Only the first or the last rows of y count, though others reach the same elements: branches side by side."""
    if e.each is None or e.each.ndim < 2 or e.each.shape[1] < 2:
        return ""
    rows = e.each.reshape(*e.each.shape[:2], -1).sum(axis=2)  # (K, rows)
    count = rows.shape[1]
    for k in range(1, count):
        first, last = rows[:, :k].sum(axis=1), rows[:, k:].sum(axis=1)
        meet = ((first != 0) & (last != 0)).any()
        for which, share, many in (("first", first, k), ("last", last, count - k)):
            if meet and same(e.analytic, share):
                return f"only the {which} {many} of {count} rows of y count: are two branches to be added (+=, not =)?"
    return ""


def last_share(e):
    """Each element has what one row, or one place, of y sends back, though several do: "=" in a loop that must add."""
    if e.each is None or e.each.ndim < 2:
        return ""
    rows = e.each.reshape(*e.each.shape[:2], -1)  # (K, rows of y, places in a row)
    for shares in (rows.sum(axis=1), rows.sum(axis=2)):
        reached, every = shares != 0, np.arange(len(shares))
        last = reached.shape[1] - 1 - reached[:, ::-1].argmax(axis=1)
        for which, place in (("last", last), ("first", reached.argmax(axis=1))):
            if (reached.sum(axis=1) > 1).any() and same(e.analytic, shares[every, place]):
                return f"only the {which} output that uses an element counts: the others are to be added (+=, not =)"
    return ""


def only_diagonal(e):
    """a[j] = J[j, j] dy[j]: what the other elements of y get from x[j] is left out."""
    if e.own_dy is None or e.each is None:
        return ""
    if not same(e.analytic, np.array([each[index] for each, index in zip(e.each, e.indices)])):
        return ""
    return "only the diagonal of the Jacobian: each x reaches other elements of y too (as in a softmax)"


def inverted_mask(e):
    """The slope takes two values, and backward has the one where forward has the other."""
    if e.own_dy is None:
        return ""
    n, a = e.numeric / e.own_dy, e.analytic / e.own_dy
    low, high = n.min(), n.max()
    is_high = n > (low + high) / 2
    if min(is_high.sum(), (~is_high).sum()) < 1 or len(n) < CONSTANT:
        return ""
    if not same(n, np.where(is_high, high, low)) or not same(a, np.where(is_high, low, high)):
        return ""
    return "its mask is turned round: dy passes where forward stops x, and stops where forward lets it pass"
