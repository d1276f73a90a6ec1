"""Answers for people and for programs, a line each: whoever reads them may do so as they come."""

import json

HEAD = "answer  distance  next  distance  file"


class Table:
    """Lines of a table, its head before the first. The file comes last, for nobody knows how long names will be."""

    def __init__(self):
        self.head = f"{HEAD}\n"

    def line(self, name, answer):
        (first, near), (second, far) = answer.nearest
        doubt = "  (in doubt)" if answer.doubt else ""
        head, self.head = self.head, ""
        return f"{head}{first:<6}  {near:8.2f}  {second:<4}  {far:8.2f}  {name}{doubt}"


def as_json(name, answer=None, error=None):
    """One JSON object: file, answer, doubt and distances by class, the nearest first; or file and error."""
    if error is not None:
        return json.dumps({"file": name, "error": str(error)})
    (first, _), _ = answer.nearest
    distances = {each: round(distance, 4) for each, distance in answer.distances.items()}
    return json.dumps({"file": name, "answer": first, "doubt": answer.doubt, "distances": distances})
