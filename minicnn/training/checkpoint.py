"""All that training needs to go on as if it had never stopped, in one .npz file without pickle."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.network import Sequential
from minicnn.network.files import apply, check_classes, check_kinds, checked, class_facts
from minicnn.serialization import load_npz, network_part, save_npz
from minicnn.training.averaging import AveragedNetwork
from minicnn.training.protocol import check_methods, check_network
from minicnn.training.schema import C_ORDER, check_facts, random_state
from minicnn.typing import Array, FilePath


def save_checkpoint(path: FilePath, network: Sequential, optimizer: Any, progress: Mapping[str, Any],
                    task: Mapping[str, Any], config: Mapping[str, Any],
                    average: AveragedNetwork | None = None) -> None:  # fmt: skip
    """Write a network, its optimizer and three JSON-able mappings to ``path``, whole or not at all.

    Of the network: parameters, buffers, and the states of the generators that its layers draw from.
    progress: where training stands (epoch, batch, random state, running sums, past records); task: what must
    be the same to go on from there (samples, batch_size, fingerprints); config: the settings that the user chose.
    average: an AveragedNetwork, whose parameters and buffers are kept, too.
    """
    _check_given(network, optimizer, progress=progress, task=task, config=config)
    arrays = {f"network/{name}": a for name, a in network.state_dict().items()}
    if average is not None:
        arrays.update({f"average/{name}": a for name, a in average.network.state_dict().items()})
    velocities = optimizer.state_dict(network.backend.to_numpy)
    arrays.update({f"optimizer/{name}": a for name, a in velocities.items()})
    facts = {"kind": "checkpoint", "vectors": C_ORDER, "progress": progress, "task": task, "config": config}
    facts |= class_facts(network)
    facts["generators"] = {name: random_state(rng) for name, rng in network.named_generators()}
    save_npz(path, arrays, facts)


def load_checkpoint(path: FilePath, network: Sequential, optimizer: Any, task: Mapping[str, Any] | None = None,
                    complete: bool = False, average: AveragedNetwork | None = None
                    ) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Set network, its layers' generators, optimizer and average from a checkpoint -> (progress, config).

    task: what must be the same; complete: whether progress must be all that ``fit`` needs to go on.

    Raises CheckpointError for an unreadable, damaged or foreign file, or one of another architecture or task. The
    whole file is looked at first, and the optimizer's part tried on a copy: nothing has been changed then.
    """
    _check_given(network, optimizer, task={} if task is None else task)

    def check(kinds, facts):
        check_facts(facts)
        _check_task(facts, task or {}, "samples", "batch_size", "data")
        _check_generators(network, facts)
        check_classes(network, facts)
        check_kinds(network, network_part(kinds))
        _check_average(average, network_part(kinds, "average"))
        check_facts(facts, complete)

    arrays, facts = load_npz(path, check)
    try:
        values = checked(network, network_part(arrays))
        if average is not None:
            averages = checked(average.network, network_part(arrays, "average"))
        state = _optimizer_part(arrays, facts, optimizer)
        _load(copy.deepcopy(optimizer), state, network)
        _check_task(facts, task or {}, *(task or {}))
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    apply(network, values)
    if average is not None:
        apply(average.network, averages)
    _load(optimizer, state, network)
    for name, rng in network.named_generators():
        rng.bit_generator.state = facts["generators"][name]
    return facts["progress"], facts["config"]


def read_facts(path: FilePath) -> tuple[dict[str, Array], dict[str, Any]]:
    """(arrays, facts) of a training checkpoint; CheckpointError for anything else."""
    return load_npz(path, lambda kinds, facts: check_facts(facts))


def _check_given(network, optimizer, **mappings):
    """TypeError for what is no network, no optimizer with a state, or no mapping."""
    check_network(network)
    check_methods("optimizer", optimizer, "state_dict", "load_state_dict")
    for name, mapping in mappings.items():
        if not isinstance(mapping, Mapping):
            raise TypeError(f"{name} must be a mapping, got {type(mapping).__name__}")


def _check_task(facts, task, *names):
    """CheckpointError where the checkpoint is of another task, by these names; old ones say less of theirs."""
    old = facts["format"] == "minicnn-1"
    for name in (name for name in names if name in task and name != "data_set"):
        value = task[name]
        if name not in facts["task"] and (not old or name in ("samples", "batch_size")):
            raise CheckpointError(f"is damaged: it does not say with which {name} it was trained")
        if (saved := facts["task"].get(name, value)) != value and "" not in (saved, value):
            of, now = (f" of {t['data_set']}" if name in ("data", "samples") and t.get("data_set") else ""
                       for t in (facts["task"], task))  # fmt: skip
            raise CheckpointError(f"was trained with {name} {saved}{of}, this run has {value}{now}")


def _check_average(average, kinds):
    """CheckpointError unless the file has an average of the weights where there is one to go on with, and else none."""
    if average is None and kinds:
        raise CheckpointError("holds an average of the weights, and there is no average to go on with it")
    if average is not None:
        if not kinds:
            raise CheckpointError("holds no average of the weights, which average would go on from")
        check_kinds(average.network, kinds)


def _check_generators(network, facts):
    """CheckpointError unless the file has a state for each generator that the network's layers draw from."""
    states = facts.get("generators", {})  # version 0.2 and earlier had none
    own = dict(network.named_generators())
    if set(states) != set(own):
        raise CheckpointError(
            f"is of another architecture: its layers draw from {sorted(states) or 'no generators'}, "
            f"this network's from {sorted(own) or 'none'}"
        )
    for name, rng in own.items():
        if states[name]["bit_generator"] != type(rng.bit_generator).__name__:
            raise CheckpointError(f"is another network's: {name} was a {states[name]['bit_generator']}, here it is "
                                  f"another kind ({type(rng.bit_generator).__name__})")  # fmt: skip


def _optimizer_part(arrays, facts, optimizer):
    """The optimizer's arrays by name; CheckpointError where a number is not real and finite."""
    state = {n.removeprefix("optimizer/"): a for n, a in arrays.items() if n.startswith("optimizer/")}
    for name, array in state.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise CheckpointError(f"is damaged: the optimizer's {name} holds what is no finite number ({array.dtype})")
    if facts.get("vectors") != C_ORDER:
        parameters = getattr(optimizer, "parameters", [])
        state = {name: _from_0_1(array, parameters) for name, array in state.items()}
    return state


def _load(optimizer, state, network):
    try:
        optimizer.load_state_dict(state, network.backend.asarray)
    except Exception as error:  # a user's own optimizer may refuse a state in any way
        raise CheckpointError(f"is another optimizer's: {error}") from error


def _from_0_1(vector, parameters):
    """A vector through all parameters as version 0.1 wrote it: a convolution's weights in the order o, ky, c, kx."""
    if vector.shape != (sum(p.size for p in parameters),):
        return vector
    stretches = np.split(vector, np.cumsum([p.size for p in parameters])[:-1])
    for i, p in enumerate(parameters):
        if len(p.shape) == 4:
            maps, channels, high, wide = p.shape
            stretches[i] = stretches[i].reshape(maps, high, channels, wide).swapaxes(1, 2).reshape(-1)
    return np.concatenate(stretches)
