"""What came of a fault that was tried many times."""

import json
import traceback
from dataclasses import dataclass, field

NOTES = 20
"""Examples of what went wrong that are kept in full."""


@dataclass
class Tally:
    """Trials of one fault. lost: results that were there before and are no more; wrong: a damaged thing taken for a
    whole one, or other numbers; hung: no answer within the time given; foreign: another error than the documented ones.
    """

    fault: str
    trials: int = 0
    lost: int = 0
    wrong: int = 0
    hung: int = 0
    foreign: int = 0
    about: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def note(self, kind, what, error=None):
        """Count one that went wrong: kind is lost, wrong, hung or foreign."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.notes) < NOTES:
            trace = "".join(traceback.format_exception(error)[-3:]) if error is not None else ""
            self.notes.append(f"{kind}: {what}\n{trace}".rstrip())

    @property
    def good(self):
        return self.trials > 0 and not (self.lost or self.wrong or self.hung or self.foreign)

    def to_dict(self):
        return {"fault": self.fault, **self.numbers(), **self.about}

    def numbers(self):
        return {name: getattr(self, name) for name in ("trials", "lost", "wrong", "hung", "foreign")}


def table(results):
    """The results, dicts as of ``to_dict``, as Markdown."""
    rows = ["| fault | trials | lost | wrong | hung | foreign errors |", "|---|---|---|---|---|---|"]
    for r in results:
        rows.append(f"| {r['fault']} | {r['trials']:,} | {r['lost']} | {r['wrong']} | {r['hung']} | {r['foreign']} |")
    return "\n".join(rows)


def added(old, new):
    """Two results of the same fault as one, or the new one alone where the old one has its seed."""
    if old is None or set(new["seeds"]) & set(old["seeds"]):
        return new
    sums = {name: old[name] + value for name, value in new.items() if isinstance(value, int)}
    return {**new, **sums, "seeds": old["seeds"] + new["seeds"]}


def dumps(results):
    return json.dumps(results, indent=1) + "\n"
