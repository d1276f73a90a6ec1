"""What a training checkpoint must say beside its arrays, all of it looked at before anything is touched.

    kind        "checkpoint"
    format      "minicnn-1" from versions 0.1 and 0.2, else "minicnn-2"
    progress    where training stands: FIELDS below
    task        what must be the same to go on: samples, batch_size, and since minicnn-2 data, preprocess, loss,
                augment; since 0.4 data_set, the name of the data, and average where the weights are averaged
    classes     the names of the network's classes; before 0.4 nobody said
    config      the settings that the user chose, by name
    vectors     how the optimizer's vectors run through the parameters; 0.1 did not say
    generators  {name: state} of the generators that layers draw from; 0.1 and 0.2 had none

A state of a generator is that of NumPy's bit generator of this name, with the same numbers in the same places: NumPy
believes what it is given, and would read beyond its memory for a position that is too large.
"""

import json
import math
from collections.abc import Mapping

import numpy as np

from minicnn.errors import CheckpointError

C_ORDER = "every parameter in C order"
"""How the optimizer's vectors run through the parameters; version 0.1 did not say, and did it otherwise."""

NEW = ("vectors", "generators")
"""What only minicnn-2 must have."""

BIT_GENERATORS = {name: getattr(np.random, name) for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")}

BELOW = {"has_uint32": 2, "uinteger": 2**32, "pos": 625, "buffer_pos": 5, ("PCG64", "state"): 2**128,
         ("PCG64", "inc"): 2**128, ("PCG64DXSM", "state"): 2**128, ("PCG64DXSM", "inc"): 2**128,
         ("MT19937", "key"): 2**32}  # fmt: skip
"""What an entry of a generator's state must be below; all others are words of 64 bits."""


def check_facts(facts, complete=False):
    """CheckpointError, in words that go on from the file's name, unless facts are a training checkpoint's.

    complete: whether progress must have every field, as it must to go on from it.
    """
    if facts.get("kind") != "checkpoint" or not {"progress", "task", "config"} <= set(facts):
        raise CheckpointError("holds parameters only, no training checkpoint to resume from")
    for name in ("progress", "task", "config", "generators"):
        if not isinstance(facts.get(name, {}), Mapping):
            raise _damaged(name, "a mapping", facts[name])
    if facts["format"] != "minicnn-1" and (lacking := [name for name in NEW if name not in facts]):
        raise CheckpointError(f"is damaged: it does not say its {' and '.join(lacking)}")
    if facts.get("vectors", C_ORDER) != C_ORDER:
        raise _damaged("vectors", repr(C_ORDER), facts["vectors"])
    for name, state in facts.get("generators", {}).items():
        check_state(f"generators, {name}", state)
    check_task(facts["task"])
    check_progress(facts["progress"], facts["task"], complete)


def check_task(task):
    for name, value in task.items():
        counts = name in ("samples", "batch_size")
        if not (_count(value) and value > 0 if counts else isinstance(value, str)):
            raise _damaged(f"task, {name}", "a positive integer" if counts else "text", value)


FIELDS = {
    "epoch": ("an integer of at least 0", lambda v: _count(v)),
    "batch": ("an integer of at least 0", lambda v: _count(v)),
    "loss": ("a finite number", lambda v: _finite(v)),
    "errors": ("an integer of at least 0", lambda v: _count(v)),
    "count": ("an integer of at least 0", lambda v: _count(v)),
    "seconds": ("a number of at least 0", lambda v: _finite(v) and v >= 0),
    "rng": ("a generator's state", lambda v: isinstance(v, Mapping)),
    "records": ("a list of mappings", lambda v: isinstance(v, list) and all(isinstance(r, Mapping) for r in v)),
}
"""Of progress: epochs done and records of them; of the running epoch, batches, summed loss, wrong labels, samples and
seconds so far; the shuffles' generator before that epoch."""


def check_progress(progress, task, complete):
    lacking = [name for name in FIELDS if name not in progress]
    if complete and lacking:
        raise CheckpointError(f"is damaged: its progress has no {', '.join(lacking)}")
    for name, value in progress.items():
        if name not in FIELDS:
            raise CheckpointError(f"is damaged: its progress has {name!r}, which means nothing here")
        what, fits = FIELDS[name]
        if not fits(value):
            raise _damaged(f"progress, {name}", what, value)
    if "rng" in progress:
        check_state("progress, rng", progress["rng"])
    if not complete:
        return
    if not {"samples", "batch_size"} <= set(task):
        raise CheckpointError("is damaged: its task must name samples and batch_size")
    epoch, batch, count = progress["epoch"], progress["batch"], progress["count"]
    numbers = [record.get("epoch") for record in progress["records"]]
    if len(numbers) != epoch or numbers != list(range(1, epoch + 1)):
        raise CheckpointError(f"is damaged: after {epoch} epochs it must have a record of each, in order")
    if batch >= math.ceil(task["samples"] / task["batch_size"]) or count != batch * task["batch_size"]:
        raise CheckpointError(f"is damaged: {batch} batches of the running epoch do not go with {count} of "
                              f"{task['samples']} samples in batches of {task['batch_size']}")  # fmt: skip
    if progress["errors"] > count:
        raise CheckpointError(f"is damaged: {progress['errors']} errors of {count} samples in the running epoch")


def check_state(what, state):
    """CheckpointError unless ``state`` is one that a generator of NumPy's can have."""
    if not isinstance(state, Mapping) or not isinstance(state.get("bit_generator"), str):
        raise _damaged(what, "a generator's state", state)
    kind = state["bit_generator"]
    if kind not in BIT_GENERATORS:
        raise _damaged(f"{what}, bit_generator", f"one of {', '.join(BIT_GENERATORS)}", kind)
    like = random_state(np.random.Generator(BIT_GENERATORS[kind](0)))
    _alike(what, kind, state, like, "state")


def _alike(what, kind, value, like, name):
    """Whether ``value`` has the numbers that ``like`` has, where it has them."""
    if isinstance(like, Mapping):
        if not isinstance(value, Mapping) or set(value) != set(like):
            raise _damaged(what, f"the state of a {kind}: {', '.join(like)}", value)
        for key, inner in like.items():
            _alike(what, kind, value[key], inner, key)
    elif isinstance(like, list):
        if not isinstance(value, list) or len(value) != len(like):
            raise _damaged(what, f"{len(like)} numbers as {name}", value)
        for element, inner in zip(value, like):
            _alike(what, kind, element, inner, name)
    elif isinstance(like, int):
        below = BELOW.get((kind, name), BELOW.get(name, 2**64))
        if not (_count(value) and value < below):
            raise _damaged(what, f"an integer of at least 0 and below {below} as {name}", value)


def random_state(rng):
    """A Generator's state as a JSON-able mapping."""
    return json.loads(json.dumps(rng.bit_generator.state, default=np.ndarray.tolist))


def generator(state):
    """A Generator that goes on from ``random_state``."""
    bits = BIT_GENERATORS[state["bit_generator"]]()
    bits.state = state
    return np.random.Generator(bits)


def _count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _finite(value):
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer that no float can be
        return False


def _damaged(what, need, got):
    return CheckpointError(f"is damaged: {what} must be {need}, got {repr(got)[:60]}")
