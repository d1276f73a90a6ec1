"""Named arrays and facts in one file that JavaScript reads without parsing: static/engine/data/arrays.js.

A line of JSON: the facts, and ``arrays``, a list of {name, dtype, shape}; blanks before its end pad it to a multiple of
4 bytes. Then the arrays one after the other in C order, little-endian: float32 first, then uint8.
"""

import json

import numpy as np

DTYPES = {"float32": "<f4", "uint8": "u1"}


def pack(facts, arrays):
    """-> the file's bytes; facts: a JSON-able mapping; arrays: a mapping of names to float32 or uint8 arrays.

    Raises TypeError for an array of another type, ValueError where uint8 comes before float32.
    """
    names = [str(a.dtype) for a in arrays.values()]
    for name, dtype in zip(arrays, names):
        if dtype not in DTYPES:
            raise TypeError(f"arrays must be float32 or uint8, got {name} as {dtype}")
    if names != sorted(names):
        raise ValueError(f"float32 arrays must come before uint8, got {', '.join(names)}")
    described = [{"name": name, "dtype": str(a.dtype), "shape": a.shape} for name, a in arrays.items()]
    head = json.dumps({**facts, "arrays": described}).encode()
    head += b" " * (-(len(head) + 1) % 4) + b"\n"
    return head + b"".join(np.ascontiguousarray(a, DTYPES[str(a.dtype)]).tobytes() for a in arrays.values())


def unpack(contents):
    """-> (facts, arrays) of what ``pack`` returned."""
    head, _, rest = contents.partition(b"\n")
    facts, arrays = json.loads(head), {}
    for each in facts.pop("arrays"):
        dtype = np.dtype(DTYPES[each["dtype"]])
        count = int(np.prod(each["shape"]))
        arrays[each["name"]] = np.frombuffer(rest, dtype, count).reshape(each["shape"])
        rest = rest[count * dtype.itemsize :]
    return facts, arrays
