"""The layers that a layer is made of, each by itself."""

from minicnn.gradcheck import held
from minicnn.gradcheck.elsewhere import disagreement
from minicnn.gradcheck.jitter import jittered, with_values
from minicnn.gradcheck.listening import listening
from minicnn.gradcheck.subject import Subject


def wrong_parts(subject, here, settings, training, rng):
    """The paths of the parts that are wrong by themselves, with the x that they get, and none of whose own parts is."""
    wrong, parts = [], [(path, part) for path, part in held.walk(subject.model) if path]
    for path, part, x in reversed(list(what_each_gets(here, parts))):  # a part's own parts come first
        if not any(inner.startswith(f"{path}.") for inner in wrong) and _is_wrong(part, x, settings, training, rng):
            wrong.append(path)
    return wrong[::-1]


def _is_wrong(part, x, settings, training, rng):
    try:
        subject = Subject(part, x, None, None, training)
        for values in (None, jittered(subject, rng)):
            with with_values(subject, values):
                point = subject.at(subject.inputs, rng)
                if any(disagreement(point, varied, settings, rng) for varied in point.arrays):
                    return True
    except Exception:  # what cannot be checked by itself is not blamed
        pass
    return False


def what_each_gets(here, parts):
    """(path, part, x) of those of the parts [(path, part)] that forward runs; x as gradcheck takes it."""
    got, host = {}, here.subject.host
    with listening(parts, "forward", lambda path, x, _: got.setdefault(path, tuple(map(host, x)))):
        here.evaluate()
    for path, part in parts:
        if path in got:
            x = got[path]
            yield path, part, x[0] if len(x) == 1 and x[0].dtype.kind == "f" else x
