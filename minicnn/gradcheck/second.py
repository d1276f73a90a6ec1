"""second_backward against Jacobians from differences, each layer by itself.

Every output uses a weight of ours at most once, so that the sum over the connections that share it of squared terms
(LeCun et al. 1998, appendix C) is sum_i J[i, j]² d2y[i]. From layer to layer the diagonal is only approximated: what
two paths to the same output have in common is left out. A network's as a whole is therefore nothing to compare with.
"""

import numpy as np

from minicnn.gradcheck import held
from minicnn.gradcheck.curvatures import Compared, bends, gauss_newton, result
from minicnn.gradcheck.differences import ROUNDING
from minicnn.gradcheck.jitter import jittered, with_values
from minicnn.gradcheck.parts import what_each_gets
from minicnn.gradcheck.subject import Subject
from minicnn.layers.parts import dotted


def check_second(subject, here, settings, training, rng):
    """-> (an ArrayCheck for each array's curvature, notes)."""
    if subject.is_loss:
        return [_of_a_loss(here, v, settings, rng) for v in here.arrays if v.is_input], ()
    leaves = [(path, part) for path, part in held.walk(subject.model) if not held.parts(part)]
    if leaves == [("", subject.model)]:
        return _at_jittered_parameters(subject, "", settings, rng), ()
    checks = []
    for path, leaf, x in what_each_gets(here, leaves):
        checks += _at_jittered_parameters(Subject(leaf, x, None, None, training), path, settings, rng)
    return checks, ("second_backward was checked layer by layer, not how they pass it on: that approximates",)


def _at_jittered_parameters(subject, path, settings, rng):
    """The ArrayChecks of a layer at parameters at which 1² and 0² hide nothing; at its own where it refuses others."""
    for values in (jittered(subject, rng), None):
        with with_values(subject, values):
            try:
                point = subject.at(subject.inputs, rng)
            except Exception:
                if values is None:
                    raise
                continue
            return _of_a_layer(point, path, settings, rng)


def _of_a_layer(point, path, settings, rng):
    """The ArrayChecks of every parameter's curvature and of d2x."""
    subject = point.subject
    if not callable(getattr(subject.model, "second_backward", None)):
        raise TypeError(f"{subject.label} has no second_backward, which second=True checks")
    d2y = rng.uniform(0.5, 1.5, point.y.shape)
    flat, bent = _curvatures(point, 0 * point.dy, d2y), _curvatures(point, point.dy, d2y)
    checks = []
    for varied, without, whole in zip(point.arrays, flat, bent):
        name = f"d2{varied.name}" if varied.is_input else f"{varied.name}.curvature"
        name = name if path and name.startswith(f"{path}.") else dotted(path, name)
        indices, notes = settings.indices(varied.gradient.shape, rng), []
        found = gauss_newton(point, varied, indices, np.array([without[index] for index in indices]), d2y, settings)
        more = np.array([whole[index] - without[index] for index in indices])
        if np.abs(more).max() > 1e-9 * np.abs(whole).max():
            more_n, noise = bends(point, varied, indices, settings)
            found.a, found.n, found.noise, found.others = found.a + more, found.n + more_n, found.noise + noise, ()
            notes.append("beside Gauss-Newton's diagonal it holds what y itself bends, dy · d²y")
        checks.append(result(name, varied, indices, found, notes))
    return checks


def _curvatures(point, dy, d2y):
    """What second_backward writes for each of ``point.arrays``, called after forward and backward(dy)."""
    subject = point.subject
    for _, p in subject.parameters:
        p.curvature = subject.backend.asarray(np.full(p.shape, np.nan))
    point.evaluate()
    subject.model.backward(subject.backend.asarray(dy.copy()))
    given = subject.backend.asarray(d2y.copy())
    d2x = subject.model.second_backward(given)
    if not np.array_equal(d2y, subject.host(given)):
        raise ValueError(f"{subject.label}: second_backward wrote to d2y; an input must be left as it is")
    d2x = tuple(d2x) if point.inputs.several and isinstance(d2x, (tuple, list)) else (d2x,)
    curvatures = [subject.host(p.curvature) for _, p in subject.parameters]
    for position, name, array in point.inputs.varied():
        got = d2x[position] if position < len(d2x) else None
        if not hasattr(got, "shape"):
            kind = type(got).__name__
            raise TypeError(f"{subject.label}: second_backward must return d2{name}, an array, got {kind}")
        if tuple(got.shape) != tuple(array.shape):
            raise ValueError(f"{subject.label}: second_backward returned shape {tuple(got.shape)}, {name} has "
                             f"{tuple(array.shape)}")  # fmt: skip
        curvatures.append(subject.host(got))
    return curvatures


def _of_a_loss(point, varied, settings, rng):
    """d²E/dy² from differences of backward."""
    model, label = point.subject.model, point.subject.label
    if not callable(getattr(model, "second_backward", None)):
        raise TypeError(f"{label} has no second_backward, which second=True checks")
    point.evaluate()
    model.backward()
    curvature = point.subject.host(model.second_backward())
    if curvature.shape != varied.gradient.shape:
        raise ValueError(f"{label}: second_backward returned shape {curvature.shape}, x has {varied.gradient.shape}")
    indices = settings.indices(curvature.shape, rng)
    n, noise = bends(point, varied, indices, settings)
    a = np.array([curvature[index] for index in indices])
    noise = noise + ROUNDING * np.abs(varied.gradient).max() / settings.eps
    found = Compared(a, n, noise, np.zeros(len(a), bool), settings.tolerance)
    return result(f"d2{varied.name}", varied, indices, found, [])
