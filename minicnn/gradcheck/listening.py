"""What goes through the parts of a layer while it runs."""

from contextlib import contextmanager


@contextmanager
def listening(parts, method, heard):
    """Within the block, ``heard(path, arguments, result)`` after every call of the method of a part, [(path, part)]."""
    parts = [(path, part) for path, part in parts if hasattr(part, "__dict__")]
    kept = [vars(part).get(method) for _, part in parts]
    for path, part in parts:
        setattr(part, method, _telling(getattr(part, method), path, heard))
    try:
        yield
    finally:
        for (_, part), own in zip(parts, kept):
            if own is None:
                delattr(part, method)
            else:
                setattr(part, method, own)


def _telling(method, path, heard):
    def call(*arguments, **named):
        result = method(*arguments, **named)
        heard(path, arguments, result)
        return result

    return call
