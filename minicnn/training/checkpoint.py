"""All that training needs to go on as if it had never stopped, in one .npz file without pickle."""

import json

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.serialization import load_npz, network_part, save_npz

C_ORDER = "every parameter in C order"
"""How the optimizer's vectors run through the parameters; version 0.1 did not say, and did it otherwise."""


def save_checkpoint(path, network, optimizer, progress, task, config):
    """Write a network, its optimizer and three JSON-able mappings to ``path``, whole or not at all.

    Of the network: parameters, buffers, and the states of the generators that its layers draw from.
    progress: where training stands (epoch, batch, random state, running sums, past records); task: what must
    be the same to go on from there (samples, batch_size); config: the settings that the user chose.
    """
    arrays = {f"network/{name}": a for name, a in network.state_dict().items()}
    velocities = optimizer.state_dict(network.backend.to_numpy)
    arrays.update({f"optimizer/{name}": a for name, a in velocities.items()})
    facts = {"kind": "checkpoint", "vectors": C_ORDER, "progress": progress, "task": task, "config": config}
    facts["generators"] = {name: random_state(rng) for name, rng in network.named_generators()}
    save_npz(path, arrays, facts)


def load_checkpoint(path, network, optimizer, task=None):
    """Set network, its layers' generators and optimizer from a checkpoint -> (progress, config).

    Raises CheckpointError for an unreadable or foreign file, or one of another architecture or task; nothing
    has been changed then.
    """
    arrays, facts = read_facts(path)
    for name, value in (task or {}).items():
        if facts["task"][name] != value:
            raise CheckpointError(f"{path} was trained with {name} {facts['task'][name]}, this run has {value}")
    velocities = {n.removeprefix("optimizer/"): a for n, a in arrays.items() if n.startswith("optimizer/")}
    if facts.get("vectors") != C_ORDER:
        velocities = {name: _from_0_1(a, optimizer.parameters) for name, a in velocities.items()}
    before = network.state_dict()
    _check_generators(path, network, facts)
    try:
        network.load_state_dict(network_part(arrays))
    except CheckpointError as error:
        raise CheckpointError(f"{path} is {error}") from None
    try:
        optimizer.load_state_dict(velocities, network.backend.asarray)
    except ValueError as error:
        network.load_state_dict(before)
        raise CheckpointError(f"{path}: {error}") from None
    for name, rng in network.named_generators():
        rng.bit_generator.state = facts["generators"][name]
    return facts["progress"], facts["config"]


def _check_generators(path, network, facts):
    """CheckpointError unless the file has a state for each generator that the network's layers draw from."""
    states = facts.get("generators", {})  # version 0.2 and earlier had none
    own = dict(network.named_generators())
    if set(states) != set(own):
        raise CheckpointError(
            f"{path} is of another architecture: its layers draw from {sorted(states) or 'no generators'}, "
            f"this network's from {sorted(own) or 'none'}"
        )
    for name, rng in own.items():
        if states[name].get("bit_generator") != type(rng.bit_generator).__name__:
            raise CheckpointError(f"{path}: {name} was a {states[name].get('bit_generator')}, here it is another kind")


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


def read_facts(path):
    """(arrays, facts) of a training checkpoint; CheckpointError for anything else."""
    arrays, facts = load_npz(path)
    if facts.get("kind") != "checkpoint" or not {"progress", "task", "config"} <= set(facts):
        raise CheckpointError(f"{path} holds parameters only, no training checkpoint to resume from")
    return arrays, facts


def random_state(rng):
    """A Generator's state as a JSON-able mapping."""
    return json.loads(json.dumps(rng.bit_generator.state, default=np.ndarray.tolist))


def generator(state):
    """A Generator that goes on from ``random_state``."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return rng
