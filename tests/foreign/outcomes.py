"""What becomes of a case of another project's tests."""

from pathlib import Path

import minicnn as mc

PACKAGE = str(Path(mc.__file__).parent)


class Refused(Exception):
    """What the case asks for is nothing that minicnn has, and the message says what that is."""


def outcome(case):
    """("passes", ""), ("refused", why), ("differs", where) or ("broken", how) of a function that compares.

    minicnn refuses by a ValueError or TypeError of its own. "broken" is any other error: nothing that tells a user what
    is wrong.
    """
    try:
        case()
    except Refused as refusal:
        return "refused", str(refusal)
    except AssertionError as error:
        return "differs", str(error).strip()
    except Exception as error:
        clear = type(error) in (ValueError, TypeError) and _raised_by_minicnn(error)
        return "refused" if clear else "broken", f"{type(error).__name__}: {error}"
    return "passes", ""


def _raised_by_minicnn(error):
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return place.tb_frame.f_code.co_filename.startswith(PACKAGE)
