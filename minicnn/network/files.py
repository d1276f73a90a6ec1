"""A network's parameters on disk. Methods of ``Sequential``: the first argument is the network."""

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.serialization import load_npz, network_part, save_npz


def state_dict(network):
    """Every parameter's value by name, as NumPy copies."""
    return {p.name: np.array(network.backend.to_numpy(p.value)) for p in network.parameters()}


def load_state_dict(network, mapping):
    """Set every parameter from a mapping of names to arrays, cast to the network's own dtype.

    Raises CheckpointError, before anything is changed, where names or shapes are not this network's.
    """
    own = {p.name: p for p in network.parameters()}
    if missing := [name for name in own if name not in mapping]:
        raise CheckpointError(f"of another architecture: {', '.join(missing)} missing")
    if foreign := [name for name in mapping if name not in own]:
        raise CheckpointError(f"of another architecture: {', '.join(foreign)} not in this network")
    for name, p in own.items():
        if np.shape(mapping[name]) != p.shape:
            raise CheckpointError(
                f"of another architecture: {name} is {np.shape(mapping[name])}, this network has {p.shape}"
            )
    for name, p in own.items():
        p.value = network.backend.asarray(np.asarray(mapping[name]), dtype=p.value.dtype)


def save(network, path):
    """Write the parameters to ``path`` (.npz, no pickle), whole or not at all."""
    save_npz(path, network.state_dict(), {"kind": "network"})


def load(network, path):
    """Read parameters that ``save`` or a training checkpoint wrote; returns the network. Raises CheckpointError."""
    arrays, facts = load_npz(path)
    if facts["kind"] == "checkpoint":
        arrays = network_part(arrays)
    try:
        network.load_state_dict(arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{path} is {error}") from None
    return network
