"""Checkpoints with bits turned over, ends missing, arrays and facts of other kinds: refused, or read as they were.

Where bytes are damaged, what is read must be what was written. Where a file is made anew with something wrong in it,
with right checksums, the wrong must be refused. After a refusal network, optimizer and generators are as before.
"""

import copy
import io
import json
import resource
import warnings
import zipfile

import numpy as np
from tally import Tally

import minicnn as mc
from minicnn.errors import CheckpointError
from minicnn.training import load_checkpoint, read_facts
from minicnn.training.progress import Progress


def network(seed):
    rng = np.random.default_rng(seed)
    layers = [mc.Conv2d(1, 2, 3, rng=rng), mc.BatchNorm2d(2), mc.ReLU(), mc.Flatten(), mc.Dropout(0.5, rng=seed),
              mc.Linear(32, 3, rng=rng)]  # fmt: skip
    return mc.Sequential(layers, preprocess=mc.data.UNIT)


def subject(seed):
    net = network(seed)
    return net, mc.optim.Adam(net.parameters(), 0.01)


def state_of(net, optimizer):
    """Every bit that a checkpoint sets, as bytes."""
    arrays = {**net.state_dict(), **optimizer.state_dict(np.asarray)}
    generators = {name: repr(rng.bit_generator.state) for name, rng in net.named_generators()}
    return repr({name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}), repr(generators)


def write_one(path):
    """A checkpoint in the middle of a small run -> what it says."""
    rng = np.random.default_rng(0)
    data = mc.data.Dataset(rng.integers(0, 256, (24, 6, 6), np.uint8), rng.integers(0, 3, 24, np.uint8))
    net, optimizer = subject(0)
    mc.training.fit(net, mc.losses.CrossEntropyLoss(), optimizer, data, epochs=2, batch_size=8, checkpoint=path,
                    threads=1, progress=False, config={"lr": 0.01, "name": "a run"})  # fmt: skip
    return read_facts(path)


MOST_GROWTH = 200
"""Megabytes that the process may grow by, whatever a file of some kilobytes says."""

# ------------------------------------------------------------------------------------------- bytes


def flip(rng, data, place=None):
    place = rng.integers(len(data)) if place is None else place
    data[place] ^= 1 << rng.integers(8)


def flip_some(rng, data):
    for _ in range(rng.integers(2, 30)):
        flip(rng, data)


def flip_in_the_directory(rng, data):
    """The archive's last part says where everything is."""
    for _ in range(rng.integers(1, 4)):
        flip(rng, data, len(data) - 1 - int(rng.integers(min(len(data), 1200))))


def flip_in_a_header(rng, data):
    start = bytes(data).find(b"\x93NUMPY", int(rng.integers(len(data))))
    flip(rng, data, max(start, 0) + int(rng.integers(-60, 128)) if start >= 0 else None)


def cut(rng, data):
    del data[rng.integers(len(data)) :]


def overwrite(rng, data):
    start, size = rng.integers(len(data)), rng.integers(1, 200)
    data[start : start + size] = rng.bytes(size)


def fill(rng, data):
    start, size = rng.integers(len(data)), rng.integers(1, 2000)
    data[start : start + size] = bytes([rng.choice([0, 255])]) * len(data[start : start + size])


def leave_out(rng, data):
    start = rng.integers(len(data))
    del data[start : start + rng.integers(1, 100)]


def put_in(rng, data):
    start = int(rng.integers(len(data)))
    data[start:start] = rng.bytes(rng.integers(1, 100))


BYTES = (flip, flip, flip_some, flip_in_the_directory, flip_in_the_directory, flip_in_a_header, cut, overwrite, fill,
         leave_out, put_in)  # fmt: skip

# ------------------------------------------------------------------------------ arrays and facts of another kind

ODD = [None, True, False, 0, -1, 1, 3, 10**6, 2**63, 2**200, -0.5, 0.5, 1e300, float("nan"), float("inf"), "", "x",
       "0", [], [1], {}, {"a": 1}, "\udc80", [[]], 2**31, [None] * 5]  # fmt: skip


def wrong_numbers(rng, arrays, facts):
    name = some_array(rng, arrays)
    a = np.array(arrays[name], "float64" if arrays[name].dtype.kind == "i" else None)
    a.reshape(-1)[rng.integers(a.size)] = rng.choice([np.nan, np.inf, -np.inf])
    arrays[name] = a


def wrong_type(rng, arrays, facts):
    name = some_array(rng, arrays)
    dtype = rng.choice(["complex64", "U5", "S3", "bool", "datetime64[s]", "int32", "object"])
    if arrays[name].dtype.kind == np.dtype(dtype).kind:
        dtype = "float32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the parts that get lost
        arrays[name] = arrays[name].astype("int64").astype(dtype)


def wrong_shape(rng, arrays, facts):
    name = some_array(rng, arrays)
    a = arrays[name]
    arrays[name] = [a[None], np.zeros((*a.shape, 2), a.dtype), np.repeat(a.reshape(-1), 2)][rng.integers(3)]


def too_large(rng, arrays, facts):
    name = some_array(rng, arrays)
    arrays[name] = np.full(arrays[name].shape, 1e200 if arrays[name].dtype.kind == "f" else -5)
    return True if name.startswith("network/") or arrays[name].dtype.kind == "i" else None


def missing(rng, arrays, facts):
    del arrays[some_array(rng, arrays)]


def another_name(rng, arrays, facts):
    name = some_array(rng, arrays)
    arrays[rng.choice(["network/", "optimizer/", "", "network/network/"]) + "x" + name] = arrays.pop(name)


def one_too_many(rng, arrays, facts):
    arrays[rng.choice(["network/more", "optimizer/more"])] = np.zeros(3, "float32")


def odd_fact(rng, arrays, facts):
    """Anything at all in any place of the facts; some are possible."""
    inner, key = some_place(rng, facts)
    inner[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    return None


def missing_fact(rng, arrays, facts):
    inner, key = some_place(rng, facts)
    del inner[key]
    return None


def one_fact_too_many(rng, arrays, facts):
    inner, _ = some_place(rng, facts)
    if isinstance(inner, dict):
        inner["more"] = ODD[rng.integers(len(ODD))]
    else:
        inner.append(ODD[rng.integers(len(ODD))])
    return None


def nested_facts(rng, arrays, facts):
    return "[" * int(rng.integers(5_000, 100_000))


def no_json(rng, arrays, facts):
    text = bytearray(json.dumps(facts).encode())
    BYTES[rng.integers(len(BYTES))](rng, text)
    return text.decode("latin-1")


def some_array(rng, arrays):
    return list(arrays)[rng.integers(len(arrays))]


def some_place(rng, facts):
    places = []

    def walk(thing):
        for key in thing if isinstance(thing, dict) else range(len(thing)):
            places.append((thing, key))
            if isinstance(thing[key], (dict, list)) and thing[key]:
                walk(thing[key])

    walk(facts)
    return places[rng.integers(len(places))]


KINDS = (wrong_numbers, wrong_type, wrong_shape, too_large, missing, another_name, one_too_many, odd_fact, odd_fact,
         odd_fact, missing_fact, missing_fact, one_fact_too_many, nested_facts, no_json)  # fmt: skip
"""Each returns None where the file may be possible, a text that takes the facts' place, or True: it must be refused.
Without a return statement: see MUST."""

MUST = (wrong_numbers, wrong_type, wrong_shape, missing, another_name, one_too_many)


def made_anew(rng, arrays, facts):
    """(a checkpoint with something wrong in it, whether it must be refused, what was done)."""
    arrays, facts = dict(arrays), copy.deepcopy(facts)
    kind = KINDS[rng.integers(len(KINDS))]
    outcome = kind(rng, arrays, facts)
    text = outcome if isinstance(outcome, str) else json.dumps(facts)
    file = io.BytesIO()
    if rng.random() < 0.03:
        np.savez_compressed(file, __facts__=np.array(text), **arrays)
        return file.getvalue(), True, "compressed"
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in {"__facts__": np.array(text), **arrays}.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array))
    return file.getvalue(), kind in MUST or outcome is True, kind.__name__


# ------------------------------------------------------------------------------------------------ trials


def run(rng, trials, folder):
    """Damage a checkpoint so many times, each time anew -> Tally."""
    tally = Tally("checkpoint, damaged", about={"of them made anew with something wrong in it": 0, "refused": 0})
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path, damaged = folder / "whole.npz", folder / "damaged.npz"
    arrays, facts = write_one(path)
    whole = path.read_bytes()
    right, right_optimizer = subject(1)
    progress, config = load_checkpoint(path, right, right_optimizer)
    right = state_of(right, right_optimizer)
    net, optimizer = subject(2)
    before = state_of(net, optimizer)
    for _ in range(trials):
        tally.trials += 1
        anew = rng.random() < 0.4
        if anew:
            data, must, what = made_anew(rng, arrays, facts)
            tally.about["of them made anew with something wrong in it"] += 1
        else:
            damage = BYTES[rng.integers(len(BYTES))]
            data, must, what = bytearray(whole), False, damage.__name__
            damage(rng, data)
            if data == whole:
                continue
        damaged.write_bytes(data)
        try:
            read = load_checkpoint(damaged, net, optimizer, complete=True)
        except CheckpointError:
            tally.about["refused"] += 1
            if state_of(net, optimizer) != before:
                tally.note("wrong", f"{what}: refused, but something was changed")
        except Exception as error:
            tally.note("foreign", what, error)
        else:
            if must:
                tally.note("wrong", f"{what}: accepted")
            elif not anew and (state_of(net, optimizer) != right or read != (progress, config)):
                tally.note("wrong", f"{what}: read as something else")
            check_going_on(tally, what, read[0])
        for read in (lambda: network(3).load(damaged), lambda: read_facts(damaged)):
            try:
                read()
            except CheckpointError:
                pass
            except Exception as error:
                tally.note("foreign", what, error)
        if state_of(net, optimizer) != before:
            net, optimizer = subject(2)
        if (grown := (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) // 1024) > MOST_GROWTH:
            tally.note("wrong", f"{what}: memory grew by {grown} MB")
            memory += grown * 1024
    return tally


def check_going_on(tally, what, progress):
    """What has been accepted must be something to go on from."""
    try:
        run = Progress.from_dict(progress)
        run.rng.permutation(5)
        json.dumps(run.to_dict(run.records))
    except Exception as error:
        tally.note("foreign", f"{what}: accepted", error)
